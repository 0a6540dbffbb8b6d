"""Who plays in each environment, and the pairings that schedules make of them, as arrays."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.rating.matches import Matches

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Lineup:
    """The players of one environment, and how they play it."""

    players: Array
    """Numbers of the players, `int64`."""
    seated: bool = False
    """Whether moving first can be an advantage: each start is then played twice, with seats swapped."""
    num_distinct: Callable[[int], int] | None = None
    """Function that returns how many of the first so many starts differ; None where all do."""
    chance: frozenset[int] = frozenset()
    """Players who play differently from the same start: their matches are new however often a start returns."""

    def starts_left(self, first: Array, second: Array, played: Array, wanted: int) -> Array:
        """Returns how many of `wanted` further starts B pairs can play without repeating themselves, `int64 [B]`.

        Args:
            first: Players, `int64 [B]`.
            second: Their opponents, `int64 [B]`.
            played: Number of starts that each pair has had, `int64 [B]`.
            wanted: Number of further starts for each pair.
        """
        if self.num_distinct is None or not len(first):
            return np.full(len(first), wanted)
        left = np.clip(self.num_distinct(int(played.max()) + wanted) - played, 0, wanted)
        return np.where(np.isin([first, second], list(self.chance)).any(0), wanted, left)


@dataclasses.dataclass(frozen=True, eq=False)
class Pairings:
    """B matches to play."""

    env: Array
    """Index of each match's lineup, `int64 [B]`."""
    first: Array
    """Players who move first, `int64 [B]`."""
    second: Array
    """Their opponents, `int64 [B]`."""
    start: Array
    """Number of the start (reset seed or opening) among the environment's starts, counted from zero, `int64 [B]`."""

    def __len__(self) -> int:
        return len(self.env)


def seated_pairings(env: int, lineup: Lineup, first: Array, second: Array, start: Array) -> Pairings:
    """Returns matches in one environment; where it has seats, each start is played from both, one after the other."""
    if lineup.seated:
        first, second = (np.stack(seats, 1).ravel() for seats in ((first, second), (second, first)))
        start = np.repeat(start, 2)
    return Pairings(np.full(len(first), env), first, second, start)


def concatenated(parts: Sequence[Pairings]) -> Pairings:
    """Returns all matches of several pairings."""
    arrays = ([getattr(part, field.name) for part in parts] for field in dataclasses.fields(Pairings))
    return Pairings(*(np.concatenate([np.empty(0, np.int64), *array]) for array in arrays))


def times_met(table: Matches, num_players: int) -> Array:
    """Returns how many matches every two players have had, `int64 [P, P]`."""
    keys = np.concatenate([table.first * num_players + table.second, table.second * num_players + table.first]).astype(np.int64)
    return np.bincount(keys, minlength=num_players**2).reshape(num_players, num_players)
