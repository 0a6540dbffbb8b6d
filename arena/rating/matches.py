"""Results of matches in one environment, as arrays."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Matches:
    """Results of M matches in one environment. Players are numbered from 0.

    Raises:
        ArenaError: if the arrays do not fit together, a player meets itself, or points are none of 1, 0.5, 0.
    """

    first: Array
    """`int64 [M]`, first players; they move first if the environment has seats."""
    second: Array
    """`int64 [M]`, their opponents."""
    points: Array
    """`float64 [M]`, points of the first player: 1, 0.5 or 0."""
    start: Array | None = None
    """`int64 [M]`, start of each match (reset seed, opening): matches with one start are not independent. None: all are independent."""
    seated: bool = False
    """Whether moving first can be an advantage; duels have no seats."""

    def __post_init__(self) -> None:
        arrays = [self.first, self.second, self.points, *([] if self.start is None else [self.start])]
        if any(array.shape != (len(self.first),) for array in arrays):
            raise ArenaError(f"matches need arrays of one length; got shapes {', '.join(str(array.shape) for array in arrays)}")
        if len(self.first) and min(self.first.min(), self.second.min()) < 0:
            raise ArenaError("players of matches are counted from zero; one is negative")
        if (meets_itself := self.first == self.second).any():
            raise ArenaError(f"match {int(meets_itself.argmax())} has player {self.first[meets_itself][0]} twice")
        if not np.isin(self.points, (0.0, 0.5, 1.0)).all():
            raise ArenaError("points of a match must be 1, 0.5 or 0")


def presence(tables: Sequence[Matches], entrants: Array, num_entrants: int) -> Array:
    """Returns which entrant played in which environment, `bool [T, E]`.

    Args:
        tables: the matches of each environment.
        entrants: `int64 [P]`, the entrant of each player.
        num_entrants: number of entrants E.

    Raises:
        ArenaError: if a match names a player without an entrant.
    """
    present = np.zeros((len(tables), num_entrants), np.bool_)
    for env, table in enumerate(tables):
        for players in (table.first, table.second):
            if len(players) and players.max() >= len(entrants):
                raise ArenaError(f"a match names player {players.max()}, but only {len(entrants)} players have an entrant")
            present[env, entrants[players]] = True
    return present
