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
  let show = null, position = 0, timer = 0;

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

  // Games: `place` maps a move to the cell [row, column] that it takes, given the cells taken before.
  const BOARDS = {
    connect_four: {
      rows: 6, columns: 7,
      place: (move, taken) => [5 - taken.filter(([, column]) => column === move).length, move],
      name: (move) => `column ${move + 1}`,
    },
    tictactoe: {
      // PettingZoo numbers the cells down the columns (pettingzoo/classic/tictactoe/tictactoe.py).
      rows: 3, columns: 3,
      place: (move) => [move % 3, Math.floor(move / 3)],
      name: (move) => `row ${(move % 3) + 1}, column ${Math.floor(move / 3) + 1}`,
    },
  };

  function gameShow(replay, match) {
    const board = BOARDS[replay.board], moves = match.moves;
    const seats = match.players.map((name, seat) => `${name} (${board && replay.board === "tictactoe" ? "×○"[seat] : ["disc", "ring"][seat]})`);
    const moveName = board ? board.name : (move) => `action ${move}`;
    const figure = element("figure", { class: "pane" });
    figure.append(element("figcaption", {}, `${board ? seats[0] : match.players[0]} moves first, ${board ? seats[1] : match.players[1]} second`));
    const drawing = board ? document.createElementNS(SVG, "svg") : element("ol");
    if (board) {
      drawing.setAttribute("viewBox", `0 0 ${board.columns * 50} ${board.rows * 50}`);
      drawing.setAttribute("class", "board");
      drawing.setAttribute("role", "img");
    }
    figure.append(drawing);
    panes.append(figure);

    function drawBoard(count) {
      drawing.replaceChildren();
      const taken = [], cells = [];
      for (const move of moves.slice(0, count)) taken.push(board.place(move, taken));
      for (let row = 0; row < board.rows; row++) {
        for (let column = 0; column < board.columns; column++) {
          shape(drawing, "rect", { class: "cell", x: column * 50 + 1, y: row * 50 + 1, width: 48, height: 48, rx: 4 });
        }
      }
      taken.forEach(([row, column], ply) => {
        const x = column * 50 + 25, y = row * 50 + 25, seat = ply % 2;
        cells.push(`${["first", "second"][seat]} at row ${row + 1} column ${column + 1}`);
        if (replay.board === "tictactoe" && seat === 0) {
          shape(drawing, "path", { class: "cross", d: `M${x - 12} ${y - 12}l24 24m0 -24l-24 24` });
        } else {
          shape(drawing, "circle", { class: ["first", "second"][seat], cx: x, cy: y, r: seat ? 14.5 : 18 });
        }
        if (ply === count - 1) shape(drawing, "rect", { class: "last", x: column * 50 + 2.5, y: row * 50 + 2.5, width: 45, height: 45, rx: 4 });
      });
      drawing.setAttribute("aria-label", cells.length ? `Board: ${cells.join("; ")}` : "Empty board");
    }

    return {
      last: moves.length,
      rate: MOVES_PER_SECOND,
      draw(count) {
        if (board) drawBoard(count);
        else drawing.replaceChildren(...moves.slice(0, count).map((move, ply) => element("li", {}, `${match.players[ply % 2]}: ${moveName(move)}`)));
        const end = count === moves.length ? ` ${match.outcome}` : "";
        if (count === 0) return `Before the first of ${moves.length} moves.`;
        const opening = count <= match.opening ? " (random opening)" : "";
        return `Move ${count} of ${moves.length}: ${match.players[(count - 1) % 2]} plays ${moveName(moves[count - 1])}${opening}.${end}`;
      },
    };
  }

  function duelShow(replay) {
    const frames = replay.panes.map((pane) => {
      const figure = element("figure", { class: "pane" }), caption = element("figcaption"), frame = element("div", { class: "frame", role: "img" });
      frame.style.width = `${pane.width}px`;
      frame.style.aspectRatio = `${pane.width} / ${pane.height}`;
      frame.style.backgroundImage = `url(${pane.sheet})`;
      const rows = Math.ceil(pane.times.length / pane.columns);
      frame.style.backgroundSize = `${pane.columns * 100}% ${rows * 100}%`;
      figure.append(caption, frame);
      panes.append(figure);
      return { pane, caption, frame, rows };
    });
    const last = Math.max(...replay.panes.map((pane) => pane.times.at(-1)));
    return {
      last,
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
    if (position >= show.last) go(0);
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
    go(Math.floor(position) + by * Math.max(1, Math.round(show.last / 100)));
  };

  function open(id, button) {
    const replay = JSON.parse(document.getElementById(`replay-${id}`).textContent), games = replay.matches ?? [];
    const set = () => {
      pause();
      panes.replaceChildren();
      show = replay.kind === "game" ? gameShow(replay, games[matches.value]) : duelShow(replay);
      slider.max = show.last;
      go(0);
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

  const first = document.querySelector("[data-watch]");
  if (first) open(first.dataset.watch, first);
})();
