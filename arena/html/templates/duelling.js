// Live duels: two policies play one environment side by side, from one state; a person may take over either by keyboard, mouse or touch.
"use strict";
(() => {
  const place = document.getElementById("duelling");
  if (!place) return;
  const part = (name, within = place) => within.querySelector(`[data-part="${name}"]`);
  const offered = JSON.parse(document.getElementById("duelling-envs").textContent);
  const envChoice = part("env"), speedChoice = part("speed"), runs = part("run"), hold = part("hold"), status = part("status");
  const SVG = "http://www.w3.org/2000/svg";
  const SLOWEST_FRAME = 0.1; // seconds; a page that was hidden does not catch up
  const policies = new Map(), held = new Set(), won = new Map();
  let control = null, frame = 0, before = 0, due = 0, running = false, last = null;

  const sides = ["left", "right"].map((name) => {
    const pane = part(name);
    const side = { who: part("who", pane), picture: part("picture", pane), told: part("told", pane), take: part("take", pane), mine: false };
    side.who.addEventListener("change", begin);
    side.take.addEventListener("click", () => take(side, !side.mine));
    return side;
  });

  const entrants = () => offered[envChoice.value].opponents;
  const nameOf = (side) => (side.mine ? "You" : entrants()[side.who.value].name);
  const plain = (number) => String(Number(number.toFixed(2))).replace("-", "\u2212");

  function policyOf({ network }) {
    if (network === null) return null;
    if (!policies.has(network)) policies.set(network, arenaNetworks[network]());
    return policies.get(network);
  }

  function take(side, mine) {
    side.mine = mine;
    side.take.setAttribute("aria-pressed", String(mine));
    side.take.textContent = mine ? "Give back" : "Take over";
    if (mine) place.focus({ preventScroll: true });
    hold.hidden = !sides.some((each) => each.mine);
    show(side);
  }

  function show(side) {
    const { marks, thin, lines, circles } = control.draw(side.state);
    const made = [];
    const add = (name, kind, attributes) => {
      const shape = document.createElementNS(SVG, name);
      shape.setAttribute("class", kind);
      for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, value);
      made.push(shape);
    };
    const line = (kind) => ([x1, y1, x2, y2, width]) => add("line", kind, { x1, y1, x2, y2, ...(width ? { "stroke-width": width } : {}) });
    marks.forEach(line("mark"));
    thin.forEach(line("thin"));
    lines.forEach(line("body"));
    circles.forEach(([cx, cy, r]) => add("circle", "joint", { cx, cy, r }));
    side.picture.replaceChildren(...made);
    side.told.textContent = `${nameOf(side)}: return ${plain(side.total)} in ${side.steps} steps${side.over ? `, ${side.over}` : ""}`;
  }

  function action(side) {
    if (!side.mine) return arenaAction(control, side.state, policyOf(entrants()[side.who.value]), Math.random);
    const { left, right, none } = control.keys;
    if (held.has("left") !== held.has("right")) last = held.has("left") ? left : right;
    else last = none ?? last ?? left; // where there is no way to do nothing, the last direction stays
    return last;
  }

  function step() {
    for (const side of sides) {
      if (side.over) continue;
      const { state, reward, terminated } = control.step(side.state, action(side));
      Object.assign(side, { state, total: side.total + reward, steps: side.steps + 1 });
      if (terminated) side.over = "ended";
      else if (side.steps >= control.maxSteps) side.over = "at the time limit";
    }
  }

  function tick(now) {
    due = Math.min(due + Math.min((now - before) / 1000, SLOWEST_FRAME) * control.framesPerSecond * Number(speedChoice.value), 40);
    before = now;
    for (; due >= 1 && !sides.every((side) => side.over); due -= 1) step();
    sides.forEach(show);
    if (sides.every((side) => side.over)) finish();
    else frame = requestAnimationFrame(tick);
  }

  function finish() {
    run(false);
    const [left, right] = sides, [one, other] = [left.total, right.total];
    const winner = one === other ? null : one > other ? left : right;
    const names = sides.map(nameOf);
    if (winner) won.set(nameOf(winner), (won.get(nameOf(winner)) || 0) + 1);
    const score = names[0] === names[1] ? "" : ` Won so far: ${names.map((name) => `${name} ${won.get(name) || 0}`).join(", ")}.`;
    status.textContent = `${names[0]} ${plain(one)}, ${names[1]} ${plain(other)}: ${winner ? `${nameOf(winner)} wins` : "a tie"}.${score}`;
  }

  function run(wanted) {
    if (wanted && sides.every((side) => side.over)) begin();
    running = wanted;
    runs.textContent = running ? "Stop" : "Play";
    cancelAnimationFrame(frame);
    if (!running) return;
    status.textContent = "";
    [before, due] = [performance.now(), 0];
    frame = requestAnimationFrame(tick);
  }

  function begin() {
    run(false);
    const state = control.start(Math.random);
    last = null;
    for (const side of sides) Object.assign(side, { state: state.slice(), total: 0, steps: 0, over: "" });
    sides.forEach(show);
    status.textContent = "One initial state for both.";
  }

  function chooseEnv() {
    control = arenaControls[offered[envChoice.value].id];
    won.clear();
    sides.forEach((side, index) => {
      side.who.replaceChildren(...entrants().map(({ name }, number) => new Option(name, number)));
      side.who.value = Math.min(index, entrants().length - 1);
      side.over = "";
    });
    const buttons = ["left", "right"].map((key) => {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", textContent: key === "left" ? "\u2190 left" : "right \u2192" });
      button.addEventListener("pointerdown", () => held.add(key));
      for (const end of ["pointerup", "pointerleave", "pointercancel"]) button.addEventListener(end, () => held.delete(key));
      return button;
    });
    hold.replaceChildren(...buttons);
    begin();
    sides.forEach((side) => take(side, false));
  }

  const keyOf = (event) => ({ ArrowLeft: "left", ArrowRight: "right" })[event.key];
  place.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.tagName === "SELECT") return;
    if (event.key === " " && event.target.tagName !== "BUTTON") run(!running);
    else if (keyOf(event) && sides.some((side) => side.mine)) held.add(keyOf(event));
    else return;
    event.preventDefault(); // the page does not scroll meanwhile
  });
  document.addEventListener("keyup", (event) => held.delete(keyOf(event)));
  window.addEventListener("blur", () => held.clear());

  envChoice.replaceChildren(...offered.map(({ name }, index) => new Option(name, index)));
  envChoice.addEventListener("change", chooseEnv);
  runs.addEventListener("click", () => run(!running));
  part("again").addEventListener("click", begin);
  place.hidden = false;
  chooseEnv();
})();
