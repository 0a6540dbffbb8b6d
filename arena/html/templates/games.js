// Rules of the games that a page can play, as PettingZoo's environments have them: positions, legal actions, and what a player sees.
"use strict";
const arenaGames = (() => {
  const LINES = [[0, 1], [1, 0], [1, 1], [1, -1]];

  // Returns a game with a board of so many rows and columns in which `length` pieces in a row win; pieces fall if `falls`.
  function rowGame(rows, columns, length, falls) {
    const at = (row, column) => row * columns + column;

    function cellOf(board, action) {
      if (!falls) return board[action] === 0 ? action : -1;
      for (let row = rows - 1; row >= 0; row--) if (board[at(row, action)] === 0) return at(row, action);
      return -1;
    }

    function winner(board) {
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          const piece = board[at(row, column)];
          for (const [down, across] of piece ? LINES : []) {
            const endRow = row + down * (length - 1), endColumn = column + across * (length - 1);
            if (endRow >= rows || endColumn < 0 || endColumn >= columns) continue;
            let same = 1;
            while (same < length && board[at(row + down * same, column + across * same)] === piece) same++;
            if (same === length) return piece;
          }
        }
      }
      return 0;
    }

    const numActions = falls ? columns : rows * columns;
    const legal = (board) => Array.from({ length: numActions }, (_, action) => cellOf(board, action) >= 0);
    return {
      rows,
      columns,
      falls,
      numActions,
      start: () => new Array(rows * columns).fill(0),
      legal,
      winner,
      cellOf,
      over: (board) => winner(board) > 0 || !legal(board).includes(true),
      // Returns the board after a piece (1 for who moves first, 2 for the other) is played.
      play(board, action, piece) {
        const after = board.slice();
        after[cellOf(board, action)] = piece;
        return after;
      },
      // Returns what the owner of a piece sees when it is to move: own pieces and the other's for each cell, then the legal actions.
      observe: (board, piece) => [...board.flatMap((cell) => [Number(cell === piece), Number(cell === 3 - piece)]), ...legal(board).map(Number)],
    };
  }

  return { connect_four_v3: rowGame(6, 7, 4, true), tictactoe_v3: rowGame(3, 3, 3, false) };
})();

// Returns the action of a policy, or of the random player where it is null, for the owner of a piece, who is to move.
function arenaReply(game, board, piece, policy) {
  const legal = game.legal(board), actions = legal.flatMap((allowed, action) => (allowed ? [action] : []));
  if (policy === null) return actions[Math.floor(Math.random() * actions.length)];
  const { scores } = policy.act(game.observe(board, piece));
  return actions.reduce((best, action) => (scores[action] > scores[best] ? action : best));
}
