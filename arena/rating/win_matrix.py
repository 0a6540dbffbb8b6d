"""Who beats whom: shares of points of every pair of entrants, and whether they run in circles.

A rating puts entrants on a line. If A beats B, B beats C and C beats A, no line fits, and the pairs themselves must be read.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from arena.rating.matches import Matches
from arena.rating.pair_cells import pair_cells
from arena.statistics.circles import Circle, circles, strong_components
from arena.statistics.multiple_tests import holm_of_pairs
from arena.statistics.proportions import wilson
from arena.statistics.student import critical_value
from arena.statistics.variance_components import EstimatedVariance, means_of_groups

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, eq=False)
class WinMatrix:
    """Shares of points of E entrants; row i, column j: i against j. NaN for two that never met."""

    share: Array
    """`float64 [E, E]`, points of i against j, each environment and each pair of players counted alike (`pair_cells`)."""
    low: Array
    """`float64 [E, E]`, lower ends of the intervals of shares; NaN if all matches of a pair had one start, which says nothing of others.

    They are Wilson's, with the number of matches that would be as informative if they were independent.
    """
    high: Array
    """`float64 [E, E]`, upper ends of the intervals of shares."""
    num_points: Array
    """`float64 [E, E]`, points of i over all matches against j."""
    num_matches: Array
    """`int64 [E, E]`, matches of each pair."""
    num_ties: Array
    """`int64 [E, E]`, tied matches of each pair."""
    p_value: Array
    """`float64 [E, E]`, two-sided p-values of an even share, corrected by Holm for all pairs."""
    level: float
    """Confidence of the intervals and of the cycles."""

    @property
    def cycles(self) -> list[list[int]]:
        """Groups of entrants that beat each other in a circle, every majority decided at the level for all pairs at once.

        They are the strongly connected components of the graph of decided majorities. If the truth has no cycle, one is reported with
        probability at most 1 - level: it would take a wrongly decided pair.
        """
        return strong_components(self._decided)

    @property
    def circles(self) -> list[Circle]:
        """The most certain circle of each of the `cycles`."""
        return circles(self._decided, self.p_value)

    @property
    def apparent_cycles(self) -> list[list[int]]:
        """Groups of entrants that beat each other in a circle, decided or not; nearly equal entrants form such groups by chance."""
        return strong_components(self._majority)

    @property
    def _decided(self) -> Array:
        return np.asarray(self._majority & (self.p_value < 1 - self.level))

    @property
    def _majority(self) -> Array:
        return np.asarray(np.nan_to_num(self.share, nan=0.5) > 0.5)


def win_matrix(tables: Sequence[Matches], entrants: Array, *, level: float = 0.95) -> WinMatrix:
    """Returns the shares of points of all pairs of entrants, over all environments.

    The variance of a share is the largest of three: of independent matches; between starts; between the players (training seeds) of both.
    The last has as few degrees of freedom as there are seeds minus one, and the interval is longer accordingly.

    Args:
        tables: the matches of each environment.
        entrants: `int64 [P]`, the entrant of each player.
        level: confidence of the intervals and of the cycles.
    """
    num_entrants = int(entrants.max(initial=-1)) + 1
    views = [_both_views(table, entrants, num_entrants) for table in tables]
    nothing = np.zeros((num_entrants, num_entrants))
    points, count, ties, num_starts = (
        sum(parts, nothing)
        for parts in (
            [view.sums(view.points) for view in views],
            [view.sums(np.ones(len(view.points))) for view in views],
            [view.sums(view.points == 0.5) for view in views],
            [view.num_starts() for view in views],
        )
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = points / count
        between_starts = sum([view.variance_of_starts(pooled) for view in views], nothing) / count**2
        players = EstimatedVariance.total([EstimatedVariance(nothing, nothing), *(view.variance_of_players() for view in views)])
        players = EstimatedVariance(players.variance / count**2, players.squares / count**4)
        smooth = (points + 0.5) / (count + 1)  # never 0 or 1, so that it has a variance
        independent = smooth * (1 - smooth) / count
        variance = np.maximum(np.maximum(independent, between_starts), players.variance)
        effective = np.where(num_starts > 1, smooth * (1 - smooth) / variance, np.nan)
        share = pair_cells(tables, entrants).share
        statistic = (share - 0.5) / np.sqrt(0.25 / effective)
    degrees = np.where(players.variance >= variance, players.degrees, np.inf)
    p_value = holm_of_pairs(2 * stats.t.sf(np.abs(statistic), degrees))
    low, high = wilson(share, effective, critical_value(level, degrees))
    return WinMatrix(share, low, high, points, count.astype(np.int64), ties.astype(np.int64), p_value, level)


@dataclasses.dataclass(frozen=True, eq=False)
class _Views:
    """Every match of one environment twice, once as each of its players sees it: N = 2 M views."""

    player: Array
    """`int64 [N]`, the player whose view it is."""
    pair: Array
    """`int64 [N]`: entrant * E + opponent's entrant."""
    points: Array
    """`float64 [N]`, points of the player."""
    start: Array | None
    """`int64 [N]`, start of the match; None if all matches are independent."""
    num_entrants: int
    """Number of entrants E."""

    def sums(self, values: Array) -> Array:
        """Returns the sums of `values` `[N]` over the views of each pair, `[E, E]`."""
        return np.bincount(self.pair, values, minlength=self.num_entrants**2).reshape(self.num_entrants, -1)

    def num_starts(self) -> Array:
        """Returns the number of different starts of each pair's matches, `[E, E]`; every independent match counts as one."""
        start = np.tile(np.arange(len(self.pair) // 2), 2) if self.start is None else self.start
        keys, _ = self._groups(start)
        return np.bincount(keys, minlength=self.num_entrants**2).reshape(self.num_entrants, -1)

    def variance_of_starts(self, share: Array) -> Array:
        """Returns the variances `[E, E]` of the sums of points by starts: squared sums, over each start, of the points above the share."""
        if self.start is None:
            return np.zeros((self.num_entrants, self.num_entrants))
        pairs, group = self._groups(self.start)
        excess = np.bincount(group, self.points - share.ravel()[self.pair], minlength=len(pairs))
        return np.bincount(pairs, excess**2, minlength=self.num_entrants**2).reshape(self.num_entrants, -1)

    def variance_of_players(self) -> EstimatedVariance:
        """Returns the variances `[E, E]` of the sums of points by the spread between the players of both entrants."""
        shape = (self.num_entrants, self.num_entrants)
        pairs, group = self._groups(self.player)
        matches = np.bincount(group).astype(np.float64)  # of each player against each entrant
        shares = np.bincount(group, self.points) / matches
        _, of_mean = means_of_groups(shares, pairs, self.num_entrants**2)
        total = np.bincount(pairs, matches, minlength=self.num_entrants**2)
        own = of_mean.scaled(total**2)
        variance, squares = own.variance.reshape(shape), own.squares.reshape(shape)
        return EstimatedVariance(variance + variance.T, squares + squares.T)

    def _groups(self, label: Array) -> tuple[Array, Array]:
        """Groups the views by pair and `label` `[N]`; returns the pair of each group `[G]`, and the group of each view `[N]`."""
        _, label = np.unique(label, return_inverse=True)
        num_labels = label.max(initial=0) + 1
        keys, group = np.unique(self.pair * num_labels + label, return_inverse=True)
        return keys // num_labels, group


def _both_views(table: Matches, entrants: Array, num_entrants: int) -> _Views:
    player, opponent = np.concatenate([table.first, table.second]), np.concatenate([table.second, table.first])
    return _Views(
        player=player,
        pair=entrants[player] * num_entrants + entrants[opponent],
        points=np.concatenate([table.points, 1 - table.points]),
        start=None if table.start is None else np.tile(table.start, 2),
        num_entrants=num_entrants,
    )
