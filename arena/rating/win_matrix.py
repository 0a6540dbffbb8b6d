"""Who beats whom: points shares of every pair of entrants, and whether they run in circles.

A rating puts entrants on a line. Where A beats B, B beats C and C beats A, no line fits, and the pairs themselves must be read.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse
from scipy import stats

from arena.rating.bradley_terry import Matches
from arena.rating.ratings import holm
from arena.statistics.intervals import wilson

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, eq=False)
class WinMatrix:
    """Points shares of E entrants; row i, column j: i against j. NaN where two never met."""

    share: Array
    """`float64 [E, E]`: points of i per match."""
    low: Array
    """`float64 [E, E]`, of the share's interval: Wilson's, with the number of matches that would be as informative if independent.

    NaN where all matches of a pair had one start, from which nothing can be said of others.
    """
    high: Array
    """`float64 [E, E]`"""
    num_matches: Array
    """`int64 [E, E]`"""
    num_ties: Array
    """`int64 [E, E]`"""
    p_value: Array
    """`float64 [E, E]`: two-sided, of an even share; adjusted by Holm for all pairs."""
    level: float
    """Of the intervals."""

    @property
    def cycles(self) -> list[list[int]]:
        """Groups of entrants that beat each other in a circle, where every majority is decided at the level for all pairs at once.

        They are the strongly connected components of the graph of decided majorities. If the truth has no cycle, one is reported with
        probability at most 1 - level: it would take a wrongly decided pair.
        """
        return _strong_components(self._majority & (self.p_value < 1 - self.level))

    @property
    def apparent_cycles(self) -> list[list[int]]:
        """The same for majorities as they stand, decided or not. Entrants that are nearly equal form such groups by chance."""
        return _strong_components(self._majority)

    @property
    def _majority(self) -> Array:
        return np.asarray(np.nan_to_num(self.share, nan=0.5) > 0.5)


def win_matrix(tables: Sequence[Matches], entrants: Array, *, level: float = 0.95) -> WinMatrix:
    """Returns the points shares of all pairs of entrants, over all environments.

    The variance of a share is the largest of three: of independent matches; between starts; between the players (training seeds) of both.
    The last has as few degrees of freedom as there are seeds, less one, and the interval is as much wider.

    Args:
        tables: the matches of each environment.
        entrants: `int64 [P]`, the entrant of each player.
        level: of the intervals.
    """
    num_entrants = int(entrants.max(initial=-1)) + 1
    shape = num_entrants, num_entrants
    points, count, ties, num_starts, between_starts, between_players, squares = (np.zeros(shape) for _ in range(7))
    for table in tables:
        both = _both_ways(table, entrants, num_entrants)
        points += both.sums(both.points)
        count += both.sums(np.ones(len(both.points)))
        ties += both.sums(both.points == 0.5)
        num_starts += both.num_groups(np.tile(np.arange(len(table.first)) if table.start is None else table.start, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = points / count
    for table in tables:
        both = _both_ways(table, entrants, num_entrants)
        if table.start is not None:
            between_starts += both.squared_sums(np.tile(table.start, 2), share)
        variance, square = both.variance_of_players()
        between_players += variance + variance.T
        squares += square + square.T
    with np.errstate(divide="ignore", invalid="ignore"):
        smooth = (points + 0.5) / (count + 1)
        independent = smooth * (1 - smooth) / count
        variance = np.maximum(np.maximum(independent, between_starts / count**2), between_players / count**2)
        by_players = between_players / count**2 >= variance
        freedom = np.where(by_players & (squares > 0), between_players**2 / squares, np.inf)
        effective = np.where(num_starts > 1, smooth * (1 - smooth) / variance, np.nan)
        statistic = (share - 0.5) / np.sqrt(0.25 / effective)
    p_value = holm(2 * stats.t.sf(np.abs(statistic), freedom))
    low, high = wilson(share, effective, stats.t.ppf((1 + level) / 2, freedom))
    return WinMatrix(share, low, high, count.astype(np.int64), ties.astype(np.int64), p_value, level)


@dataclasses.dataclass(frozen=True, eq=False)
class _Sides:
    """Every match twice, once from either side."""

    player: Array
    pair: Array
    """Entrant * E + opponent's entrant."""
    points: Array
    entrants: Array
    num_entrants: int

    def sums(self, values: Array) -> Array:
        return np.bincount(self.pair, values, minlength=self.num_entrants**2).reshape(self.num_entrants, -1)

    def num_groups(self, groups: Array) -> Array:
        """Returns how many groups of matches each pair has, `[E, E]`."""
        _, groups = np.unique(groups, return_inverse=True)
        size = groups.max(initial=0) + 1
        pairs = np.unique(self.pair * size + groups) // size
        return np.bincount(pairs, minlength=self.num_entrants**2).reshape(self.num_entrants, -1)

    def squared_sums(self, groups: Array, share: Array) -> Array:
        """Returns `[E, E]` the sums of squares of what each group of matches is above its expectation."""
        _, groups = np.unique(groups, return_inverse=True)
        keys, places = np.unique(self.pair * (groups.max(initial=0) + 1) + groups, return_inverse=True)
        excess = np.bincount(places, self.points - share.ravel()[self.pair], minlength=len(keys))
        pairs = keys // (groups.max(initial=0) + 1)
        return np.bincount(pairs, excess**2, minlength=self.num_entrants**2).reshape(self.num_entrants, -1)

    def variance_of_players(self) -> tuple[Array, Array]:
        """Returns the variances `[E, E]` of the pairs' sums of points by the spread between the players of the row, and `v^2 / (K - 1)`."""
        size, num_players = self.num_entrants, len(self.entrants)
        keys, places = np.unique(self.pair * num_players + self.player, return_inverse=True)
        pairs = keys // num_players
        matches = np.bincount(places).astype(np.float64)
        share = np.bincount(places, self.points) / matches
        players = np.bincount(pairs, minlength=size**2)  # K
        mean = np.bincount(pairs, share, minlength=size**2) / np.maximum(players, 1)
        spread = np.bincount(pairs, (share - mean[pairs]) ** 2, minlength=size**2)
        total = np.bincount(pairs, matches, minlength=size**2)
        freedom = np.maximum(players - 1, 1)
        variance = total**2 * spread / freedom / np.maximum(players, 1)
        return variance.reshape(size, -1), (variance**2 / freedom).reshape(size, -1)


def _both_ways(table: Matches, entrants: Array, num_entrants: int) -> _Sides:
    player, opponent = np.concatenate([table.first, table.second]), np.concatenate([table.second, table.first])
    pair = entrants[player] * num_entrants + entrants[opponent]
    return _Sides(player, pair, np.concatenate([table.points, 1 - table.points]), entrants, num_entrants)


def _strong_components(graph: Array) -> list[list[int]]:
    """Returns the strongly connected components of more than one node, by adjacency `bool [E, E]`."""
    _, label = scipy.sparse.csgraph.connected_components(scipy.sparse.csr_array(graph), connection="strong")
    groups = [np.flatnonzero(label == value).tolist() for value in np.unique(label)]
    return sorted(group for group in groups if len(group) > 1)
