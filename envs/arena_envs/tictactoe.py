"""Perfect tic-tac-toe by full search: what an agent can be held to that no learner can beat."""

import functools

import numpy as np
import numpy.typing as npt

LINES = tuple(
    sum(1 << cell for cell in cells) for cells in ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))
)
"""Three in a row, as sets of cells in bits; the same whether cells count by rows or by columns."""
FULL = (1 << 9) - 1


@functools.cache
def value(mine: int, theirs: int) -> int:
    """Returns what perfect play gives the player to move: 1 a win, 0 a draw, -1 a loss. Cells are bits."""
    if any(theirs & line == line for line in LINES):
        return -1
    if mine | theirs == FULL:
        return 0
    return max(-value(theirs, mine | cell) for cell in _free(mine, theirs))


def optimal_moves(observation: npt.NDArray[np.float32]) -> list[int]:
    """Returns all moves that keep the value of a position, as `arena/TicTacToe-v0` shows it to the player to move, `[27]`."""
    cells = (observation[:18].reshape(9, 2) > 0.5).T.tolist()
    mine, theirs = (sum(1 << cell for cell, is_taken in enumerate(player) if is_taken) for player in cells)
    return list(optimal_cells(mine, theirs))


@functools.cache
def optimal_cells(mine: int, theirs: int) -> tuple[int, ...]:
    """Returns all cells that keep the value of a position for the player to move, whose own cells are the bits of `mine`."""
    best = value(mine, theirs)
    return tuple(cell.bit_length() - 1 for cell in _free(mine, theirs) if -value(theirs, mine | cell) == best)


def _free(mine: int, theirs: int) -> list[int]:
    return [1 << cell for cell in range(9) if not (mine | theirs) >> cell & 1]
