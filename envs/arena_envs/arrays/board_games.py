"""Connect four and tic-tac-toe as arrays: N games at once, by PettingZoo's rules (an `arena.environments.game_batch.GameBatch`)."""

import abc
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from arena_envs.tictactoe import FULL, LINES

Array = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]


class BoardGames(abc.ABC):
    """N games in which two seats take turns to put a piece on a cell, and whoever has a line wins.

    Args:
        count: N.
    """

    game_id: ClassVar[str]
    """Id of the game, for errors."""
    num_actions: ClassVar[int]
    """A, the number of actions."""
    num_cells: ClassVar[int]
    """Number of cells of the board."""

    def __init__(self, count: int) -> None:
        self.seats = np.zeros(count, np.int64)
        """Seat that moves next in each game, `[N]`."""
        self.over = np.zeros(count, np.bool_)
        """Whether each game has ended, `[N]`."""
        self.returns = np.zeros((count, 2))
        """Sum of each seat's rewards, `[N, 2]`."""
        self._count, self._split = count, 2 * self.num_cells
        self._width = self._split + self.num_actions
        self._views = np.zeros((2 * count, self._width), np.float32)
        # What either seat sees when it is to move; row `seat * N + place`. The mask is that of the board, in both rows alike.
        self._numbers = self._views.reshape(-1)  # the same memory: one index for each number is faster than two
        self._pieces = np.zeros(2 * count, np.int64)  # cells of either seat, as bits
        self.reset(np.arange(count))

    @abc.abstractmethod
    def cells(self, which: Array, actions: Array) -> tuple[Array, Array]:
        """Returns the cells, by rows, on which legal actions put a piece, and their bits, both `[M]`; takes note of the pieces."""

    @abc.abstractmethod
    def have_won(self, pieces: Array) -> Flags:
        """Returns whether pieces `[M]` hold a line."""

    @abc.abstractmethod
    def used_up(self, bits: Array) -> Flags | None:
        """Returns which actions cannot be taken again, now that they put pieces on the cells of `bits` `[M]`; None for all."""

    def reset(self, which: Array) -> None:
        """Begins new games in the places `which` `[M]`."""
        self.seats[which], self.over[which], self.returns[which] = 0, False, 0.0
        for rows in (which, which + self._count):
            self._pieces[rows], self._views[rows, : self._split], self._views[rows, self._split :] = 0, 0.0, 1.0

    def observations(self, which: Array, seats: Array | None = None) -> Floats:
        """Returns what seats see in the games `which`, `float32 [M, D + A]`; the mask of a seat that isn't to move is all zeros.

        Args:
            which: Places of the games, `[M]`.
            seats: Seats `[M]`; those to move by default.
        """
        movers = self.seats[which]
        if seats is None:
            return self._views.take(movers * self._count + which, axis=0)
        seen = self._views.take(seats * self._count + which, axis=0)
        others = seats != movers
        if np.count_nonzero(others):
            seen[others, self._split :] = 0.0
        return seen

    def masks(self, which: Array) -> Flags:
        """Returns actions that those to move may take, `bool [M, A]`."""
        return np.asarray(self._views.take(which, axis=0)[:, self._split :] > 0.5)

    def legal(self, which: Array, actions: Array) -> Flags:
        """Returns whether those to move may take `actions` `[M]`, numbers of any size."""
        inside = (actions >= 0) & (actions < self.num_actions)
        if np.count_nonzero(inside) < len(actions):
            return np.asarray(inside & self.legal(which, np.where(inside, actions, 0)))
        return np.asarray(self._numbers[which * self._width + (self._split + actions)] > 0.5)

    def step(self, which: Array, actions: Array) -> None:
        """Takes actions `[M]` for those to move.

        Raises:
            ValueError: if one is illegal, or a game is over.
        """
        allowed = self.legal(which, actions) & ~self.over[which]
        if np.count_nonzero(allowed) < len(actions):
            raise ValueError(f"{self.game_id}: action {int(actions[~allowed][0])} is illegal here")
        self.put(which, actions)

    def put(self, which: Array, actions: Array) -> None:
        """Takes actions `[M]` that are known to be legal, for those to move in games that are not over."""
        movers = self.seats[which]
        others = 1 - movers
        rows, other_rows = movers * self._count + which, others * self._count + which
        cells, bits = self.cells(which, actions)
        cells = 2 * cells
        self._numbers[rows * self._width + cells] = 1.0
        self._numbers[other_rows * self._width + (cells + 1)] = 1.0
        pieces = self._pieces[rows] | bits
        self._pieces[rows] = pieces
        self.seats[which] = others
        won, used = self.have_won(pieces), self.used_up(bits)
        if np.count_nonzero(won):
            places = which[won]
            self.over[places] = True
            self.returns[places, movers[won]], self.returns[places, others[won]] = 1.0, -1.0
        if used is None or np.count_nonzero(used):
            chosen, taken = (which, actions) if used is None else (which[used], actions[used])
            for first in (0, self._count):
                self._numbers[(chosen + first) * self._width + (self._split + taken)] = 0.0
            full = ~self._views[chosen, self._split :].any(1)
            if np.count_nonzero(full):
                self.over[chosen[full]] = True


_STEPS = np.array([[1], [7], [6], [8]])
"""Differences between the bits of neighbours in connect four: up, across, and along both diagonals."""
_TOP = sum(1 << 7 * column + 5 for column in range(7))
"""Bits of the highest cells of connect four."""
_WINS = np.array([any(pieces & line == line for line in LINES) for pieces in range(FULL + 1)])
"""Whether cells of tic-tac-toe hold a line, by their bits."""


class ConnectFours(BoardGames):
    """N games of connect four (`pettingzoo.classic.connect_four_v3`)."""

    game_id, num_actions, num_cells = "connect_four_v3", 7, 42

    def __init__(self, count: int) -> None:
        self._heights = np.zeros(7 * count, np.int64)
        super().__init__(count)

    def reset(self, which: Array) -> None:
        """Begins new games."""
        super().reset(which)
        self._heights.reshape(-1, 7)[which] = 0

    def cells(self, which: Array, actions: Array) -> tuple[Array, Array]:
        """Lets a piece fall."""
        columns = which * 7 + actions
        heights = self._heights[columns]
        self._heights[columns] = heights + 1
        return 35 + actions - 7 * heights, np.left_shift(1, 7 * actions + heights)

    def used_up(self, bits: Array) -> Flags | None:
        """Looks for columns that are full."""
        return np.asarray((bits & _TOP) != 0)

    def have_won(self, pieces: Array) -> Flags:
        """Looks for four in a row; a column has seven bits, of which the last is never set."""
        pairs = pieces & (pieces >> _STEPS)
        return np.asarray((pairs & (pairs >> 2 * _STEPS)).any(0))


class TicTacToes(BoardGames):
    """N games of tic-tac-toe (`pettingzoo.classic.tictactoe_v3`)."""

    game_id, num_actions, num_cells = "tictactoe_v3", 9, 9

    def cells(self, which: Array, actions: Array) -> tuple[Array, Array]:
        """Takes the cells that are named."""
        del which
        return actions, np.left_shift(1, actions)

    def used_up(self, bits: Array) -> Flags | None:
        """Says that no cell can be taken twice."""
        del bits
        return None

    def have_won(self, pieces: Array) -> Flags:
        """Looks up whether there are three in a row."""
        return np.asarray(_WINS[pieces])
