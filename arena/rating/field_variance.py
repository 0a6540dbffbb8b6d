"""Variances of the expected points against the field, and of their differences: training seeds and starts, added up.

Points are linear in the matches (those that are predicted nearly so), so each variance is a sum of squares of what clusters of matches add:

- *Seeds.* The matches of one player, against all others, are one cluster: the variance of a U-statistic, entrant by entrant. An entrant
  whose few seeds happen to agree would look certain just where its points are furthest off (five seeds of an agent that fails one time
  in five: no failure seen in a third of all tournaments). So its variance is never below the mean over all entrants of the environment,
  nor below what one imaginary run, which scored the opposite of all others, would add to them all. The pool doubles the K - 1 degrees of
  freedom at most.
- *Starts.* The matches of one start are one cluster. What seeds and starts have in common counts once (Owen, 2007, doi:10.1214/07-AOAS122).
  Here too one imaginary start, on which one run scored the opposite, keeps results that never
  vary from looking certain.

Degrees of freedom are Satterthwaite's (1946, doi:10.2307/3002019).
"""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from arena.rating.pair_cells import MatchViews, PairCells
from arena.statistics.student import critical_value

Array = npt.NDArray[Any]

MAX_ENTRANTS = 500
"""Largest number of entrants for which variances are computed; the time grows with its third power."""


@dataclasses.dataclass(frozen=True, eq=False)
class FieldVariance:
    """Variances of the points of E entrants (on the diagonal) and of the differences of all pairs."""

    variance: Array
    """`float64 [E, E]`; NaN if nothing is known of other starts."""
    degrees: Array
    """`float64 [E, E]`, degrees of freedom of `variance`."""
    noise: Array
    """`float64 [E, E]`, part of it that more starts would take away."""
    observed: Array
    """`float64 [E, E]`, part of it that was observed: without what imaginary runs and starts add."""
    start_degrees: Array
    """`float64 [E, E]`, degrees of freedom of `noise`: starts of the environment that has the fewest, minus 1."""

    def half_width(self, level: float) -> Array:
        """Returns half the width of the intervals of the points, `[E]`."""
        return np.asarray(np.sqrt(np.diag(self.variance)) * critical_value(level, np.diag(self.degrees)))

    def p_value(self, difference: Array) -> Array:
        """Returns the two-sided p-values `[E, E]` of the `difference` `[E, E]` of each pair; 1 if nothing can be said."""
        return _two_sided(difference, self.variance, self.degrees)

    def p_value_of_starts(self, difference: Array) -> Array:
        """Returns the same for the question whether other starts could have made the `difference`, with these very runs.

        One imaginary start, which reverses the order, keeps starts that all agree from looking certain.
        """
        num_starts = self.start_degrees + 1
        floor = (2 * difference) ** 2 / (num_starts * (num_starts + 1))
        noise = np.where(np.isnan(self.variance), np.nan, np.maximum(self.noise, floor))
        return _two_sided(difference, noise, self.start_degrees)

    def match_noise(self) -> Array:
        """Returns the share of each variance that more matches would take away, `[E, E]`; 1 where nothing varied or nothing is known."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.observed > 0, np.minimum(self.noise / self.observed, 1.0), 1.0)


def field_variance(cells: PairCells, points: Array, predicted: Array, dependence: Array | None) -> FieldVariance:
    """Returns the variances of the points of E entrants, all of which met somebody.

    Args:
        cells: the points of all pairs.
        points: `float64 [E]`, the mean of each row of the completed matrix.
        predicted: `bool [E, E]`, the pairs whose points are predicted.
        dependence: how the rows depend on the excess points that predictions follow from, `[E, E]`, from `completed`; None without any.
    """
    sums = _Sums(cells, points, predicted, dependence)
    if len(points) > MAX_ENTRANTS or len(points) < 2:
        unknown = np.full((len(points),) * 2, np.nan)
        return FieldVariance(unknown, np.ones_like(unknown), unknown, unknown, np.ones_like(unknown))
    for view in cells.views:
        if len(view.player):
            sums.add(view)
    return sums.total()


class _Sums:
    """Sums of variances over environments and entrants."""

    def __init__(self, cells: PairCells, points: Array, predicted: Array, dependence: Array | None) -> None:
        self._cells, self._points, self._predicted, self._dependence = cells, points, predicted, dependence
        self._others = max(len(points) - 1, 1)
        shape = (len(points),) * 2
        self._variance, self._squares, self._noise = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self._imaginary = np.zeros(shape)
        self._floor, self._floor_degrees = np.zeros(len(points)), np.full(len(points), np.inf)

    def add(self, view: MatchViews) -> None:
        """Adds the variances of one environment."""
        num_entrants, num_starts = len(self._points), view.num_starts
        starts = np.zeros((num_entrants, 1 if view.start is None else int(num_starts)))  # [E, n], what each start adds to each row
        independent, common = np.zeros((num_entrants,) * 2), np.zeros((num_entrants,) * 2)
        own: dict[int, tuple[Array, int]] = {}
        weights, num_players = np.zeros(num_entrants), np.ones(num_entrants)  # of this environment in each row; K
        for entrant in np.unique(view.entrant):
            slopes = self._slopes(int(entrant))
            mine = view.entrant == entrant
            players, player = np.unique(view.player[mine], return_inverse=True)
            met, num_players[entrant] = np.unique(view.opponent[mine]), len(players)
            weights[entrant] = (1 / self._cells.num_envs[entrant, met]).sum() / self._others
            excess = _grid(player, len(players), view, mine, num_entrants)  # [K, n, E]
            if view.start is None:
                squares = np.bincount(view.opponent[mine], view.excess[mine] ** 2, num_entrants)
                shared = (slopes * squares) @ slopes.T
                independent += shared / 2
            else:
                starts += slopes @ excess.sum(0).T / 2  # each match is seen from both sides
                residual = excess - excess.mean(1, keepdims=True)
                residual -= residual.mean(0, keepdims=True)
                adds = np.einsum("ib,kcb->ikc", slopes, residual).reshape(num_entrants, -1)
                shared = adds @ adds.T * len(players) / max(len(players) - 1, 1)
            if len(players) > 1:
                common += shared
                adds = slopes @ excess.sum(1).T  # [E, K]
                own[int(entrant)] = adds @ adds.T * len(players) / (len(players) - 1), len(players)
        self._add_seeds(own, weights)
        self._add_starts(starts, independent, common, view, weights, num_players)

    def _slopes(self, entrant: int) -> Array:
        """Returns the derivatives `[E, E]` of the points of each row by the points of `entrant` against each opponent."""
        observed = np.where(self._predicted[entrant], 0.0, 1 / self._others)
        observed[entrant] = 0.0
        slopes = -np.diag(observed)
        slopes[entrant] = observed
        if self._dependence is not None:
            slopes += (self._dependence[:, [entrant]] - self._dependence) * self._cells.num_matches[entrant]
        return slopes

    def _add_seeds(self, own: dict[int, tuple[Array, int]], weights: Array) -> None:
        """Adds what the spread between the seeds of each entrant adds."""
        if not own:
            return
        pooled = np.mean([covariance[entrant, entrant] * count for entrant, (covariance, count) in own.items()])
        num_runs, num_degrees = sum(count for _, count in own.values()), sum(count - 1 for _, count in own.values())
        for entrant, (covariance, count) in own.items():
            opposite = (weights[entrant] * max(self._points[entrant], 1 - self._points[entrant])) ** 2 / (num_runs + 1)
            lacking = max(pooled, opposite) / count - covariance[entrant, entrant]
            if lacking > 0:
                lifted = np.full(len(weights), -1 / self._others)  # a run that is better takes points from all others
                lifted[entrant] = 1.0
                covariance = covariance + lacking * np.outer(lifted, lifted)
                self._imaginary += _differences(lacking * np.outer(lifted, lifted))
            degrees = count - 1 + min(count - 1, num_degrees - (count - 1))
            self._add_variance(_differences(covariance), degrees)

    def _add_starts(self, starts: Array, independent: Array, common: Array, view: MatchViews, weights: Array, num_players: Array) -> None:
        """Adds what the choice of starts adds beyond the spread between seeds."""
        num_starts = view.num_starts
        if view.start is None:
            covariance, degrees, count = independent, np.inf, len(view.player) / 2
        elif num_starts > 1:
            covariance, degrees, count = starts @ starts.T * num_starts / (num_starts - 1), num_starts - 1, num_starts
        else:
            self._variance[np.ix_(weights > 0, weights > 0)] = np.nan
            return
        self._noise += _differences(covariance)
        self._add_variance(np.maximum(_differences(covariance - common), 0.0), degrees)
        self._floor += (weights * np.maximum(self._points, 1 - self._points)) ** 2 / (count * (count + 1) * num_players)
        self._floor_degrees = np.where(weights > 0, np.minimum(self._floor_degrees, degrees), self._floor_degrees)

    def _add_variance(self, variance: Array, degrees: float) -> None:
        self._variance += variance
        self._squares += variance**2 / degrees

    def total(self) -> FieldVariance:
        """Returns the sums, raised to what one imaginary start would add."""
        roots = np.sqrt(self._floor)
        floor = np.add.outer(roots, roots) ** 2
        np.fill_diagonal(floor, self._floor)
        lacking, start_degrees = np.maximum(floor - self._variance, 0.0), np.minimum.outer(self._floor_degrees, self._floor_degrees)
        squares = self._squares + lacking**2 / start_degrees
        variance = self._variance + lacking
        with np.errstate(divide="ignore", invalid="ignore"):
            degrees = np.where(squares > 0, variance**2 / squares, np.inf)
        return FieldVariance(variance, degrees, self._noise, self._variance - self._imaginary, start_degrees)


def _grid(player: Array, num_players: int, view: MatchViews, mine: Array, num_entrants: int) -> Array:
    """Returns the sums of the excess points of one entrant's players by start and opponent, `[K, n, E]`."""
    start = np.zeros(len(player), np.int64) if view.start is None else view.start[mine]
    num_starts = 1 if view.start is None else int(view.num_starts)
    key = (player * num_starts + start) * num_entrants + view.opponent[mine]
    return np.bincount(key, view.excess[mine], num_players * num_starts * num_entrants).reshape(num_players, num_starts, num_entrants)


def _differences(covariance: Array) -> Array:
    """Returns the variances of the differences of all pairs, and on the diagonal those of the points, `[E, E]`."""
    own = np.diag(covariance)
    differences = np.add.outer(own, own) - 2 * covariance
    np.fill_diagonal(differences, own)
    return np.asarray(differences)


def _two_sided(difference: Array, variance: Array, degrees: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        tail = 2 * stats.t.sf(np.abs(difference) / np.sqrt(variance), degrees)
    return np.where(np.isnan(tail), 1.0, tail)
