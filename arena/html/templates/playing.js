// Lets a person play games against the policies in this page, by mouse, touch and keyboard. Rules stand in games.js.
"use strict";
(() => {
  const place = document.getElementById("playing");
  if (!place) return;
  const part = (name) => place.querySelector(`[data-part="${name}"]`);
  const offered = JSON.parse(document.getElementById("playing-games").textContent);
  const gameChoice = part("game"), opponentChoice = part("opponent"), seatChoice = part("seat"), drawing = part("board"), buttons = part("buttons"), status = part("status");
  const SVG = "http://www.w3.org/2000/svg";
  const policies = new Map();
  let game = null, board = [], mine = 1, turn = 1, last = -1, timer = 0;

  function shape(name, attributes) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    drawing.append(made);
    return made;
  }

  const opponent = () => offered[gameChoice.value].opponents[opponentChoice.value];
  const cellName = (cell) => `row ${Math.floor(cell / game.columns) + 1}, column ${(cell % game.columns) + 1}`;

  function draw() {
    drawing.setAttribute("viewBox", `0 0 ${game.columns * 50} ${game.rows * 50}`);
    drawing.replaceChildren();
    board.forEach((piece, cell) => {
      const x = (cell % game.columns) * 50, y = Math.floor(cell / game.columns) * 50;
      const square = shape("rect", { class: "cell", x: x + 1, y: y + 1, width: 48, height: 48, rx: 4 });
      square.addEventListener("click", () => person(game.falls ? cell % game.columns : cell));
      if (piece) shape("circle", { class: ["first", "second"][piece - 1], cx: x + 25, cy: y + 25, r: piece === 1 ? 18 : 14.5 });
      if (cell === last) shape("rect", { class: "last", x: x + 2.5, y: y + 2.5, width: 45, height: 45, rx: 4 });
    });
    const held = [1, 2].map((piece) => {
      const cells = board.flatMap((each, cell) => (each === piece ? [cellName(cell)] : []));
      return `${piece === mine ? "You" : opponent().name}: ${cells.join("; ") || "none"}`;
    });
    drawing.setAttribute("aria-label", `Board. ${held.join(". ")}.`);
    const legal = game.legal(board), open = turn === mine && !game.over(board);
    [...buttons.children].forEach((button, action) => button.setAttribute("aria-disabled", String(!open || !legal[action]))); // stays in focus
  }

  function tell(text) {
    const winner = game.winner(board);
    if (winner) status.textContent = `${text} ${winner === mine ? "You win." : `${opponent().name} wins.`}`;
    else if (game.over(board)) status.textContent = `${text} A draw.`;
    else status.textContent = `${text} ${turn === mine ? `Your move: you have the ${mine === 1 ? "discs" : "rings"}.` : `${opponent().name} moves.`}`;
  }

  function move(action) {
    last = game.cellOf(board, action);
    board = game.play(board, action, turn);
    const who = turn === mine ? "You play" : `${opponent().name} plays`;
    turn = 3 - turn;
    draw();
    tell(`${who} ${cellName(last)}.`);
    if (turn !== mine && !game.over(board)) timer = setTimeout(reply, 350);
  }

  function person(action) {
    if (turn === mine && !game.over(board) && game.legal(board)[action]) move(action);
  }

  function reply() {
    move(arenaReply(game, board, turn, policyOf(opponent())));
  }

  function policyOf({ network }) {
    if (network === null) return null;
    if (!policies.has(network)) policies.set(network, arenaNetworks[network]());
    return policies.get(network);
  }

  function begin() {
    clearTimeout(timer);
    game = arenaGames[offered[gameChoice.value].id];
    [board, mine, turn, last] = [game.start(), Number(seatChoice.value), 1, -1];
    const made = Array.from({ length: game.numActions }, (_, action) => {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", textContent: action + 1 });
      button.setAttribute("aria-label", game.falls ? `Column ${action + 1}` : cellName(action));
      button.addEventListener("click", () => person(action));
      return button;
    });
    buttons.replaceChildren(...made);
    buttons.style.gridTemplateColumns = `repeat(${game.columns}, 1fr)`;
    draw();
    tell("");
    if (turn !== mine) timer = setTimeout(reply, 350);
  }

  function chooseGame() {
    const names = offered[gameChoice.value].opponents.map(({ name }, index) => new Option(name, index));
    opponentChoice.replaceChildren(...names);
    begin();
  }

  gameChoice.replaceChildren(...offered.map(({ name }, index) => new Option(name, index)));
  gameChoice.addEventListener("change", chooseGame);
  opponentChoice.addEventListener("change", begin);
  seatChoice.addEventListener("change", begin);
  part("again").addEventListener("click", begin);
  place.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.tagName === "SELECT") return;
    const action = Number(event.key) - 1;
    if (/^[1-9]$/.test(event.key) && action < game.numActions) person(action);
  });
  place.hidden = false;
  chooseGame();
})();
