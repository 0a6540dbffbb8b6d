// Plays the page's replays: games move by move on a drawn board, duels side by side from sprite sheets, in step by env time.
"use strict";
(() => {
  const player = document.getElementById("player");
  if (!player) return;
  const part = (name) => player.querySelector(`[data-part="${name}"]`);
  const title = part("title"), panes = part("panes"), slider = part("slider"), status = part("status"), play = part("play"), speed = part("speed"), choice = part("choice"), matches = part("matches");
  const SVG = "http://www.w3.org/2000/svg";
  const DURATION_SECONDS = 12; // of a duel at speed 1, however long its episode
  const MOVES_PER_SECOND = 1.5;
  let show = null, position = 0, timer = 0, isStill = false;

  function element(name, attributes = {}, text = "") {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  }

  function shape(parent, name, attributes) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    parent.append(made);
  }

  function gameShow(replay, match) {
    const { moves, plies, players } = match, [rows, columns] = replay.shape ?? [0, 0];
    const marks = replay.shape ? [" (disc)", " (ring)"] : ["", ""];
    const figure = element("figure", { class: "pane" });
    figure.append(element("figcaption", {}, `${players[0]}${marks[0]} moves first, ${players[1]}${marks[1]} second`));
    const drawing = replay.shape ? document.createElementNS(SVG, "svg") : element("ol");
    if (replay.shape) {
      drawing.setAttribute("viewBox", `0 0 ${columns * 50} ${rows * 50}`);
      drawing.setAttribute("class", "board");
      drawing.setAttribute("role", "img");
    }
    figure.append(drawing);
    panes.append(figure);

    function place(cell) {
      return `row ${Math.floor(cell / columns) + 1}, column ${(cell % columns) + 1}`;
    }

    function moveName(ply) {
      const taken = plies[ply][1].filter(([, piece]) => piece > 0);
      return taken.length === 1 ? place(taken[0][0]) : `action ${moves[ply]}`;
    }

    function drawBoard(count) {
      const pieces = new Map();
      for (const [, changes] of plies.slice(0, count)) for (const [cell, piece] of changes) pieces.set(cell, piece);
      const last = new Set(count ? plies[count - 1][1].map(([cell]) => cell) : []);
      drawing.replaceChildren();
      for (let cell = 0; cell < rows * columns; cell++) {
        const x = (cell % columns) * 50, y = Math.floor(cell / columns) * 50, piece = pieces.get(cell) ?? 0;
        shape(drawing, "rect", { class: "cell", x: x + 1, y: y + 1, width: 48, height: 48, rx: 4 });
        if (piece) shape(drawing, "circle", { class: ["first", "second"][piece - 1], cx: x + 25, cy: y + 25, r: piece === 1 ? 18 : 14.5 });
        if (last.has(cell)) shape(drawing, "rect", { class: "last", x: x + 2.5, y: y + 2.5, width: 45, height: 45, rx: 4 });
      }
      const held = [1, 2].map((piece) => `${players[piece - 1]}: ${[...pieces].filter(([, by]) => by === piece).map(([cell]) => place(cell)).join("; ") || "none"}`);
      drawing.setAttribute("aria-label", `Board. ${held.join(". ")}.`);
    }

    return {
      last: moves.length,
      widest: 0,
      rate: MOVES_PER_SECOND,
      draw(count) {
        if (replay.shape) drawBoard(count);
        else drawing.replaceChildren(...plies.slice(0, count).map(([seat], ply) => element("li", {}, `${players[seat]}: ${moveName(ply)}`)));
        if (count === 0) return `Before the first of ${moves.length} moves.`;
        const opening = count <= match.opening ? " (random opening)" : "", end = count === moves.length ? ` ${match.outcome}` : "";
        return `Move ${count} of ${moves.length}: ${players[plies[count - 1][0]]} plays ${moveName(count - 1)}${opening}.${end}`;
      },
    };
  }

  function duelShow(replay) {
    const frames = replay.panes.map((pane) => {
      const figure = element("figure", { class: "pane" }), caption = element("figcaption"), frame = element("div", { class: "frame", role: "img" });
      frame.style.width = `min(100%, ${2 * pane.width}px)`; // twice its size where there is room
      frame.style.aspectRatio = `${pane.width} / ${pane.height}`;
      frame.style.backgroundImage = `url(${pane.sheet})`;
      const rows = Math.ceil(pane.times.length / pane.columns);
      frame.style.backgroundSize = `${pane.columns * 100}% ${rows * 100}%`;
      figure.append(caption, frame);
      panes.append(figure);
      return { pane, caption, frame, rows };
    });
    const last = Math.max(...replay.panes.map((pane) => pane.times.at(-1)));
    const returnAt = (pane, time) => pane.returns[Math.max(pane.times.findLastIndex((at) => at <= time), 0)];
    const apart = (time) => Math.abs(returnAt(replay.panes[0], time) - returnAt(replay.panes[1], time));
    const times = replay.panes.flatMap((pane) => pane.times).sort((one, other) => one - other);
    return {
      last,
      widest: times.reduce((best, time) => (apart(time) > apart(best) ? time : best), 0),
      rate: last / DURATION_SECONDS,
      draw(time) {
        for (const { pane, caption, frame, rows } of frames) {
          let index = pane.times.findLastIndex((at) => at <= time);
          if (index < 0) index = 0;
          const column = index % pane.columns, row = Math.floor(index / pane.columns);
          const across = pane.columns > 1 ? (100 * column) / (pane.columns - 1) : 0, down = rows > 1 ? (100 * row) / (rows - 1) : 0;
          frame.style.backgroundPosition = `${across}% ${down}%`;
          const over = time >= pane.times.at(-1);
          caption.textContent = `${pane.player}: return ${String(pane.returns[index]).replace("-", "\u2212")}${over ? `, over after ${pane.times.at(-1)} env steps` : ""}`;
          frame.setAttribute("aria-label", `${pane.player} after ${pane.times[index]} env steps`);
        }
        return `Env step ${Math.round(time)} of ${last}.${time >= last ? ` ${replay.outcome}` : ""}`;
      },
    };
  }

  function go(to) {
    position = Math.min(Math.max(to, 0), show.last);
    slider.value = position;
    const text = show.draw(Math.floor(position + 1e-9));
    status.textContent = text;
    slider.setAttribute("aria-valuetext", text);
    if (position >= show.last) pause();
  }

  function pause() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
    status.setAttribute("aria-live", "polite"); // while it plays, a screen reader would only stammer
  }

  function start() {
    if (position >= show.last || isStill) go(0);
    isStill = false;
    play.textContent = "Pause";
    status.setAttribute("aria-live", "off");
    let before = performance.now();
    timer = setInterval(() => {
      const now = performance.now();
      go(position + ((now - before) / 1000) * show.rate * Number(speed.value));
      before = now;
    }, 50);
  }

  const toggle = () => (timer ? pause() : start());
  const step = (by) => {
    pause();
    isStill = false;
    go(Math.floor(position) + by * Math.max(1, Math.round(show.last / 100)));
  };

  // Opens a replay where it begins, or as a still of the moment at which the two returns differ most.
  function open(id, button, still = false) {
    const replay = JSON.parse(document.getElementById(`replay-${id}`).textContent), games = replay.matches ?? [];
    const set = () => {
      pause();
      panes.replaceChildren();
      show = replay.kind === "game" ? gameShow(replay, games[matches.value]) : duelShow(replay);
      slider.max = show.last;
      isStill = still && show.widest > 0;
      go(isStill ? show.widest : 0);
      still = false;
    };
    title.textContent = replay.title;
    choice.hidden = games.length < 2;
    matches.replaceChildren(...games.map((game, index) => element("option", { value: index }, `${game.players[0]} first: ${game.outcome}`)));
    matches.onchange = set;
    player.hidden = false;
    set();
    for (const other of document.querySelectorAll("[data-watch]")) other.setAttribute("aria-pressed", String(other === button));
  }

  for (const button of document.querySelectorAll("[data-watch]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      open(button.dataset.watch, button);
      title.focus();
      if (!matchMedia("(prefers-reduced-motion: reduce)").matches) start();
    });
  }
  play.addEventListener("click", toggle);
  part("back").addEventListener("click", () => step(-1));
  part("on").addEventListener("click", () => step(1));
  slider.addEventListener("input", () => {
    pause();
    isStill = false;
    go(Number(slider.value));
  });
  player.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || ["INPUT", "SELECT"].includes(event.target.tagName)) return;
    const action = { ArrowRight: () => step(1), ArrowLeft: () => step(-1), Home: () => step(-show.last), End: () => step(show.last) }[event.key];
    const onSpace = event.key === " " && event.target.tagName !== "BUTTON";
    if (!action && !onSpace) return;
    event.preventDefault();
    if (action) action();
    else toggle();
  });

  const first = document.querySelector("[data-opens]") ?? document.querySelector("[data-watch]");
  if (first) open(first.dataset.watch, first, true);
})();
