"""Ratings of entrants on the Elo scale, with intervals that include the spread over training seeds.

An entrant is an agent; its players are the policies of its training seeds. In each environment the players' strengths are fitted
(`arena.tournament.bradley_terry`); an entrant's rating is the mean over its players, then over environments. Two things make it uncertain:

- the seeds: the variance S^2 of the strengths of K players, with K - 1 degrees of freedom (it holds their own match noise as well);
- the rest of the match noise, from the covariance of the fit.

Both add up, and Satterthwaite's degrees of freedom (1946, doi:10.2307/3002019) give a t interval; `scripts/measure_ratings.py` measures how
often it holds the truth, beside a bootstrap. Where an entrant has one player, its interval holds for that policy, and training again is not
included.

Which of two entrants is better is decided for all pairs at once by Holm's procedure (1979), so that no pair is ordered wrongly with
probability `level`; rank intervals follow from these decisions and hold for all entrants at once (as in Mogstad, Romano, Shaikh and
Wilhelm, 2024, doi:10.1093/restud/rdad006).
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from arena.errors import ArenaError
from arena.tournament.bradley_terry import ELO_PER_LOG_ODDS, MAX_DENSE_PLAYERS, Fit, Matches, fit

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Pairwise:
    """All pairs of entrants compared; row i, column j: i against j."""

    difference: Array
    """`float64 [E, E]`: rating of i minus rating of j."""
    low: Array
    """`float64 [E, E]`, of the interval of one difference."""
    high: Array
    """`float64 [E, E]`"""
    probability_better: Array
    """`float64 [E, E]`: how sure it is that i is rated above j: one minus the one-sided p-value."""
    p_value: Array
    """`float64 [E, E]`: two-sided, adjusted by Holm for all pairs."""
    better: Array
    """`bool [E, E]`: i is above j, decided at the level for all pairs at once."""
    match_noise: Array
    """`float64 [E, E]`: the share of the difference's variance that more matches would take away; the rest takes more training seeds."""


@dataclasses.dataclass(frozen=True, eq=False)
class Ratings:
    """Ratings of E entrants, in Elo points."""

    rating: Array
    """`float64 [E]`; NaN without matches. Relative to the anchor's, or to the mean of all entrants."""
    low: Array
    """`float64 [E]`, of the interval; equal to the rating for the anchor itself."""
    high: Array
    """`float64 [E]`"""
    num_players: Array
    """`int64 [E]`: training seeds that played. Where it is 1, the interval does not include the spread over training seeds."""
    rank: Array
    """`int64 [E]`, from 1."""
    rank_low: Array
    """`int64 [E]`: the best rank not excluded; all rank intervals hold at once."""
    rank_high: Array
    """`int64 [E]`: the worst rank not excluded."""
    player_rating: Array
    """`float64 [P]` of every player, mean over environments; NaN without matches."""
    pairwise: Pairwise | None
    """None beyond `MAX_DENSE_PLAYERS` players."""
    seat_advantage: Array
    """`float64 [T]`: Elo points that moving first is worth, per environment."""
    level: float
    """Of all intervals, such as 0.95."""
    anchor: int | None
    """The entrant at 0; None: the mean of all is at 0."""


def rate(tables: Sequence[Matches], entrants: Array, *, anchor: int | None = None, level: float = 0.95) -> Ratings:
    """Rates entrants from all matches of their players.

    Args:
        tables: the matches of each environment.
        entrants: `int64 [P]`, the entrant of each player, counted from zero.
        anchor: the entrant whose rating is 0, such as the random player.
        level: of intervals, decisions and rank intervals.

    Raises:
        ArenaError: if matches name unknown players, the level is not between 0 and 1, or there is no such anchor.
    """
    if not 0 < level < 1:
        raise ArenaError(f"the level of a rating must lie between 0 and 1; got {level}")
    num_entrants = int(entrants.max(initial=-1)) + 1
    if anchor is not None and not 0 <= anchor < num_entrants:
        raise ArenaError(f"there is no entrant {anchor} to anchor the ratings at; there are {num_entrants}")
    sums = _Sums(num_entrants, len(entrants), len(entrants) <= MAX_DENSE_PLAYERS)
    for table in tables:
        sums.add(table, entrants, anchor)
    rating = ELO_PER_LOG_ODDS * sums.strength / np.where(sums.num_tables, sums.num_tables, np.nan)
    low, high = sums.interval(rating, anchor, level)
    pairwise = sums.pairwise(rating, level) if sums.noise.ndim == 2 else None
    rank = np.empty(num_entrants, np.int64)
    rank[np.argsort(-rating, kind="stable")] = np.arange(1, num_entrants + 1)
    better = np.zeros((num_entrants, 0), np.bool_) if pairwise is None else pairwise.better
    seats = np.array(sums.seat_advantages) * ELO_PER_LOG_ODDS
    player_rating = ELO_PER_LOG_ODDS * sums.player_strength / np.where(sums.player_tables, sums.player_tables, np.nan)
    rank_low = 1 + better.T.sum(-1) if pairwise else np.ones(num_entrants, np.int64)
    rank_high = num_entrants - better.sum(-1)
    num_players = np.bincount(entrants[sums.player_tables > 0], minlength=num_entrants)
    return Ratings(rating, low, high, num_players, rank, rank_low, rank_high, player_rating, pairwise, seats, level, anchor)


class _Sums:
    """Strengths of entrants and their variances, summed over environments (T of them in all), in log-odds.

    Each environment's share of the mean is 1/T_e, so that variances are divided by T_e^2 at the end.
    """

    def __init__(self, num_entrants: int, num_players: int, dense: bool) -> None:
        self.num_entrants = num_entrants
        self.strength = np.zeros(num_entrants)
        self.num_tables = np.zeros(num_entrants, np.int64)
        self.noise = np.zeros((num_entrants, num_entrants) if dense else num_entrants)
        """Covariance of match noise `[E, E]`, or variances `[E]`, were all matches independent."""
        self.shared = np.zeros_like(self.noise)
        """What the matches of one start have in common adds to it."""
        self.noise_freedom = np.inf
        self.seeds = np.zeros(num_entrants)
        """Variance of the mean over players, by their observed spread: `[E]`."""
        self.seeds_noise = np.zeros(num_entrants)
        """What match noise alone adds to `seeds`: `[E]`."""
        self.seeds_squares = np.zeros(num_entrants)
        """`seeds^2 / (K - 1)`, for Satterthwaite: `[E]`."""
        self.player_strength = np.zeros(num_players)
        self.player_tables = np.zeros(num_players, np.int64)
        self.seat_advantages: list[float] = []

    def add(self, table: Matches, entrants: Array, anchor: int | None) -> None:
        players, places = np.unique(np.concatenate([table.first, table.second]), return_inverse=True)
        if len(players) and players[-1] >= len(entrants):
            raise ArenaError(f"a match names player {players[-1]}, but only {len(entrants)} players have an entrant")
        first, second = np.split(places.astype(np.int64), 2)
        fitted = fit(dataclasses.replace(table, first=first, second=second), len(players))
        present, group = np.unique(entrants[players], return_inverse=True)  # entrants here; of each player here
        count = np.bincount(group).astype(np.float64)  # K
        means = np.bincount(group, fitted.strengths) / count
        here = np.flatnonzero(present == anchor) if anchor is not None else np.empty(0, np.int64)
        zero = means[here[0]] if len(here) else means.mean() if len(means) else 0.0
        self.strength[present] += means - zero
        self.num_tables[present] += 1
        self.player_strength[players] += fitted.strengths - zero
        self.player_tables[players] += 1
        self.seat_advantages.append(fitted.seat_advantage)
        self.noise_freedom = min(self.noise_freedom, max(fitted.num_starts - 1, 1))
        own = self._add_noise(fitted, present, group, count)
        spread = np.bincount(group, (fitted.strengths - means[group]) ** 2)
        several = count > 1
        freedom = np.maximum(count - 1, 1)
        seeds = np.where(several, spread / freedom / count, 0.0)
        self.seeds[present] += seeds
        self.seeds_squares[present] += seeds**2 / freedom
        # The expected spread of K players that differ by match noise alone: the mean of their variances, less their mean covariance.
        within = np.bincount(group, fitted.variance) - count * own
        self.seeds_noise[present] += np.where(several, within / freedom / count, 0.0)

    def _add_noise(self, fitted: Fit, present: Array, group: Array, count: Array) -> Array:
        """Adds the match noise of the means over players, and returns its variance for each entrant present."""
        if fitted.covariance is None or self.noise.ndim == 1:
            own = np.bincount(group, fitted.variance) / count**2
            self.noise[present] += own
            return np.asarray(own)
        weights = np.zeros((len(present), len(group)))
        weights[group, np.arange(len(group))] = 1 / count[group]
        noise = weights @ fitted.covariance @ weights.T
        self.noise[np.ix_(present, present)] += noise
        if fitted.shared is not None:
            self.shared[np.ix_(present, present)] += weights @ fitted.shared @ weights.T
        return np.diag(noise)

    def _error(self, noise: Array, seeds: Array, seeds_noise: Array, squares: Array) -> "_Error":
        rest = np.maximum(noise - seeds_noise, 0.0)
        total = rest + seeds
        with np.errstate(divide="ignore", invalid="ignore"):
            freedom = total**2 / (squares + rest**2 / self.noise_freedom)
        return _Error(total, np.where(np.isnan(freedom), np.inf, freedom), np.maximum(noise, 0.0), self.noise_freedom)

    def _differences(self) -> "_Error":
        """Returns the errors of all differences, `[E, E]`."""
        scale = 1 / np.maximum(self.num_tables, 1)
        noise, shared = self.noise * np.outer(scale, scale), self.shared * np.outer(scale, scale)
        parts = np.diag(noise), np.diag(shared), self.seeds * scale**2, self.seeds_noise * scale**2, self.seeds_squares * scale**4
        variance, of_starts, *rest = (np.add.outer(part, part) for part in parts)
        # Never less than of independent matches: with few starts what they share is uncertain itself, and an adaptive schedule, which
        # looks often, would find an order in what happens to be too small.
        return self._error(variance - 2 * noise + np.maximum(of_starts - 2 * shared, 0.0), *rest)

    def interval(self, rating: Array, anchor: int | None, level: float) -> tuple[Array, Array]:
        """Returns the bounds of each rating relative to the anchor or the mean, `[E]` each."""
        if self.noise.ndim == 1:
            scale = 1 / np.maximum(self.num_tables, 1)
            parts = self.noise * scale**2, self.seeds * scale**2, self.seeds_noise * scale**2, self.seeds_squares * scale**4
            half = self._error(*(part if anchor is None else part + part[anchor] for part in parts)).half_width(level)
        elif anchor is not None:
            half = self._differences().half_width(level)[:, anchor]
        else:
            half = self._around_mean().half_width(level)
        if anchor is not None:
            half[anchor] = 0.0
        return rating - half, rating + half

    def _around_mean(self) -> "_Error":
        """Returns the error of each rating minus the mean rating, `[E]`."""
        scale = 1 / np.maximum(self.num_tables, 1)
        contrast = np.eye(self.num_entrants) - 1 / max(self.num_entrants, 1)
        noise, shared = (np.diag(contrast @ (part * np.outer(scale, scale)) @ contrast.T) for part in (self.noise, self.shared))
        noise = noise + np.maximum(shared, 0.0)
        seeds, seeds_noise, squares = self.seeds * scale**2, self.seeds_noise * scale**2, self.seeds_squares * scale**4
        error = self._error(noise, contrast**2 @ seeds, contrast**2 @ seeds_noise, contrast**4 @ squares)
        # The degrees of freedom come from spreads shrunk halfway to their mean. From the raw ones, an entrant whose few seeds agree by
        # chance gets nearly those of all others together, just where its interval is too narrow; from the mean alone, intervals are
        # too wide.
        several = squares > 0
        typical = np.where(several, (seeds + seeds[several].mean()) / 2 if several.any() else 0.0, 0.0)
        squares = np.divide(squares * typical**2, seeds**2, out=np.zeros_like(squares), where=several)
        shrunk = self._error(noise, contrast**2 @ typical, contrast**2 @ seeds_noise, contrast**4 @ squares)
        return dataclasses.replace(error, freedom=shrunk.freedom)

    def pairwise(self, rating: Array, level: float) -> Pairwise:
        error = self._differences()
        difference = np.subtract.outer(rating, rating)
        half = error.half_width(level)
        one_sided = error.tail(difference)  # p-value of the order that is seen
        p_value = holm(2 * one_sided)
        probability = np.where(difference > 0, 1 - one_sided, one_sided)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(error.total > 0, np.minimum(error.noise / error.total, 1.0), 1.0)
        better = (p_value < 1 - level) & (difference > 0)
        return Pairwise(difference, difference - half, difference + half, probability, p_value, better, share)


@dataclasses.dataclass(frozen=True, eq=False)
class _Error:
    """Uncertainty of some quantities, in log-odds: by the spread between seeds, and never less than half the variance of match noise.

    Otherwise an entrant whose seeds all get the same results (every match a tie, say) would have an interval without width. With the whole
    of it, intervals of seeds that do not differ would be too wide.
    """

    total: Array
    """Variance, match noise and spread between seeds."""
    freedom: Array
    """Degrees of freedom of `total`."""
    noise: Array
    """Variance by match noise alone."""
    noise_freedom: float

    def half_width(self, level: float) -> Array:
        """Returns half the width of the intervals, in Elo points."""
        quantile = (1 + level) / 2
        by_seeds = np.sqrt(self.total) * stats.t.ppf(quantile, self.freedom)
        by_noise = np.sqrt(self.noise / 2) * stats.t.ppf(quantile, self.noise_freedom)
        return np.asarray(ELO_PER_LOG_ODDS * np.maximum(by_seeds, by_noise))

    def tail(self, difference: Array) -> Array:
        """Returns the one-sided p-values of differences in Elo points."""
        size = np.abs(difference) / ELO_PER_LOG_ODDS
        with np.errstate(divide="ignore", invalid="ignore"):
            by_seeds = stats.t.sf(size / np.sqrt(self.total), self.freedom)
            by_noise = stats.t.sf(size / np.sqrt(self.noise / 2), self.noise_freedom)
        return np.where(size > 0, np.fmax(by_seeds, by_noise), 0.5)


def holm(p_values: Array) -> Array:
    """Returns p-values adjusted for all pairs by Holm's step-down procedure (1979, jstor.org/stable/4615733).

    Args:
        p_values: `float64 [E, E]`, symmetric; the diagonal is ignored, NaN counts as 1.

    Returns:
        `float64 [E, E]`, symmetric, ones on the diagonal.
    """
    rows, columns = np.triu_indices(len(p_values), 1)
    values = np.nan_to_num(p_values[rows, columns], nan=1.0)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1.0)
    result = np.ones(p_values.shape)
    result[rows, columns] = result[columns, rows] = adjusted
    return result
