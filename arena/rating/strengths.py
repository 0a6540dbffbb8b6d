"""Strengths of entrants in each environment, and how uncertain their ratings and differences are; in log-odds.

Two entrants are compared on the environments that both played. Every variance is put together from those of single environments, relative
to what the strengths are compared with there, before it is divided by the number of environments.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from arena.errors import ArenaError
from arena.rating.adjusted_means import AdjustedMeans
from arena.rating.bradley_terry import ELO_PER_LOG_ODDS, Fit, Matches, fit

Array = npt.NDArray[Any]

ROUNDING = 1e-9
"""A smaller weight is none."""


class Strengths:
    """Mean strengths of E entrants over their players in T environments.

    Args:
        means: who plays what, and how that makes ratings.
        entrants: `int64 [P]`, the entrant of each player.
        dense: whether covariances are kept, without which pairs cannot be compared.
    """

    def __init__(self, means: AdjustedMeans, entrants: Array, *, dense: bool) -> None:
        self._means, self._entrants, self.dense = means, entrants, dense
        shape = num_envs, num_entrants = means.present.shape
        self.strength = np.zeros(shape)
        self.seat_advantages = np.zeros(num_envs)
        self._starts_freedom = np.full(num_envs, np.inf)
        """Starts less one, `[T]`."""
        self._variance, self._shared_variance = np.zeros(shape), np.zeros(shape)
        """Match noise `[T, E]`, were all matches independent; what the matches of one start have in common adds to it."""
        self._seeds = np.zeros(shape)
        """Variance of the mean over players, by their observed spread: `[T, E]`."""
        self._seeds_noise = np.zeros(shape)
        """What match noise alone adds to `_seeds`: `[T, E]`."""
        self._seeds_squares = np.zeros(shape)
        """`_seeds^2 / (K - 1)`, for Satterthwaite: `[T, E]`."""
        square = (num_entrants, num_entrants) if dense else (0, 0)
        self._covariance, self._shared = np.zeros(square), np.zeros(square)
        """Sums over environments, `[E, E]`."""
        self._rating_noise, self._rating_shared = np.zeros(num_entrants), np.zeros(num_entrants)
        """Match noise of ratings: `[E]`."""
        self._player_strength, self._players = np.zeros(len(entrants)), np.zeros((num_envs, len(entrants)), np.bool_)

    def add(self, env: int, table: Matches) -> None:
        """Fits the matches of one environment."""
        players, places = np.unique(np.concatenate([table.first, table.second]), return_inverse=True)
        if not len(players):
            return
        first, second = np.split(places.astype(np.int64), 2)
        fitted = fit(dataclasses.replace(table, first=first, second=second), len(players))
        present, group = np.unique(self._entrants[players], return_inverse=True)  # entrants here; of each player here
        count = np.bincount(group).astype(np.float64)  # K
        means = np.bincount(group, fitted.strengths) / count
        self.strength[env, present] = means
        self._player_strength[players] += fitted.strengths
        self._players[env, players] = True
        self.seat_advantages[env] = fitted.seat_advantage
        self._starts_freedom[env] = fitted.num_starts - 1
        own = self._add_noise(env, fitted, present, group, count)
        spread = np.bincount(group, (fitted.strengths - means[group]) ** 2)
        several = count > 1
        freedom = np.maximum(count - 1, 1)
        seeds = np.where(several, spread / freedom / count, 0.0)
        self._seeds[env, present] = seeds
        self._seeds_squares[env, present] = seeds**2 / freedom
        # The expected spread of K players that differ by match noise alone: the mean of their variances, less their mean covariance.
        within = np.bincount(group, fitted.variance) - count * own
        self._seeds_noise[env, present] = np.where(several, within / freedom / count, 0.0)

    def _add_noise(self, env: int, fitted: Fit, present: Array, group: Array, count: Array) -> Array:
        """Adds the match noise of the means over players, and returns its variance for each entrant present."""
        if fitted.covariance is None or not self.dense:
            own = np.bincount(group, fitted.variance) / count**2
            self._variance[env, present] = own
            return np.asarray(own)
        weights = np.zeros((len(present), len(group)))
        weights[group, np.arange(len(group))] = 1 / count[group]
        here, contrast = np.ix_(present, present), self._means.contrast(env)[:, present]  # [E, present]
        noise = weights @ fitted.covariance @ weights.T
        self._variance[env, present] = np.diag(noise)
        self._covariance[here] += noise
        self._rating_noise += ((contrast @ noise) * contrast).sum(1)
        if fitted.shared is not None:
            shared = weights @ fitted.shared @ weights.T
            self._shared_variance[env, present] = np.diag(shared)
            self._shared[here] += shared
            self._rating_shared += ((contrast @ shared) * contrast).sum(1)
        return np.asarray(np.diag(noise))

    @property
    def num_players(self) -> Array:
        """`int64 [E]`: players that played."""
        return np.bincount(self._entrants[self._players.any(0)], minlength=self._means.present.shape[1])

    def ratings(self) -> Array:
        """Returns the ratings, `[E]`."""
        return self._means.ratings(self.strength)

    def player_ratings(self) -> Array:
        """Returns the mean over its environments of each player's strength, less what these add, `[P]`."""
        num_envs = self._players.sum(0)
        total = self._player_strength - self._means.offsets(self.strength) @ self._players
        return np.asarray(np.divide(total, num_envs, out=np.full(len(total), np.nan), where=num_envs > 0))

    def differences(self) -> tuple[Array, "Error"]:
        """Returns the differences of all pairs over the environments that both played, and their errors, `[E, E]` each.

        NaN where two share none.
        """
        here = self._means.present.astype(np.float64)
        both = here.T @ here
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.where(both > 0, 1 / both, np.nan)
        first, variance, of_starts, *rest = (
            part.T @ here
            for part in (self.strength, self._variance, self._shared_variance, self._seeds, self._seeds_noise, self._seeds_squares)
        )
        seeds, seeds_noise, squares = (part + part.T for part in rest)
        noise = variance + variance.T - 2 * self._covariance
        # Never less than of independent matches: with few starts what they share is uncertain itself, and an adaptive schedule, which
        # looks often, would find an order in what happens to be too small.
        noise += np.maximum(of_starts + of_starts.T - 2 * self._shared, 0.0)
        least = np.full(noise.shape, np.inf)
        for played, freedom in zip(self._means.present, self._starts_freedom, strict=True):
            least = np.where(np.outer(played, played), np.minimum(least, freedom), least)
        error = Error.of(noise * scale**2, seeds * scale**2, seeds_noise * scale**2, squares * scale**4, least)
        return (first - first.T) * scale, error

    def errors(self) -> "Error":
        """Returns the errors of the ratings, `[E]`."""
        if not self.dense:
            return self._approximate_errors()
        noise = self._rating_noise + np.maximum(self._rating_shared, 0.0)
        contrasts = [self._means.contrast(env) for env in range(len(self.strength))]
        seeds, seeds_noise, squares = (
            np.sum([contrast**power @ part for contrast, part in zip(contrasts, parts, strict=True)], axis=0)
            for power, parts in ((2, self._seeds), (2, self._seeds_noise), (4, self._seeds_squares))
        )
        matters = np.array([(np.abs(contrast) > ROUNDING).any(1) for contrast in contrasts])  # [T, E]
        least = np.where(matters, self._starts_freedom[:, None], np.inf).min(0)
        error = Error.of(noise, seeds, seeds_noise, squares, least)
        if self._means.anchor is not None:
            return error
        # The degrees of freedom come from spreads shrunk halfway to their mean. From the raw ones, an entrant whose few seeds agree by
        # chance gets nearly those of all others together, just where its interval is too narrow; from the mean alone, intervals are
        # too wide.
        own = self._seeds.sum(0) / np.maximum(self._means.present.sum(0), 1) ** 2
        several = own > 0
        typical = (own + own[several].mean()) / 2 if several.any() else own
        ratio = np.divide(typical, own, out=np.zeros_like(own), where=several)
        seeds, squares = (
            np.sum([contrast**power @ (part * ratio ** (power / 2)) for contrast, part in zip(contrasts, parts, strict=True)], axis=0)
            for power, parts in ((2, self._seeds), (4, self._seeds_squares))
        )
        shrunk = Error.of(noise, seeds, seeds_noise, squares, least)
        return dataclasses.replace(error, freedom=shrunk.freedom)

    def _approximate_errors(self) -> "Error":
        """Returns the errors without covariances, and as if what the others show of environments were known: with so many it is."""
        own, of_anchor = self._means.own_weights()
        anchor = self._means.anchor or 0  # its weights are zero where there is none
        noise, seeds, seeds_noise, squares = (
            (own**power * part + of_anchor**power * part[:, [anchor]]).sum(0)
            for power, part in ((2, self._variance), (2, self._seeds), (2, self._seeds_noise), (4, self._seeds_squares))
        )
        return Error.of(noise, seeds, seeds_noise, squares, np.full(len(noise), self._starts_freedom.min(initial=np.inf)))


def presence(tables: Sequence[Matches], entrants: Array, num_entrants: int) -> Array:
    """Returns who played what, `bool [T, E]`.

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


@dataclasses.dataclass(frozen=True, eq=False)
class Error:
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
    noise_freedom: Array
    """Of `noise`: starts less one. Where it is 0 nothing can be said."""

    @classmethod
    def of(cls, noise: Array, seeds: Array, seeds_noise: Array, squares: Array, noise_freedom: Array) -> "Error":
        """Adds up match noise and the spread between seeds, which holds its players' own match noise as well."""
        rest = np.maximum(noise - seeds_noise, 0.0)
        total = rest + seeds
        with np.errstate(divide="ignore", invalid="ignore"):
            freedom = total**2 / (squares + rest**2 / noise_freedom)
        return cls(total, np.where(np.isnan(freedom), np.inf, freedom), np.maximum(noise, 0.0), noise_freedom)

    def half_width(self, level: float) -> Array:
        """Returns half the width of the intervals, in Elo points; NaN where none can be had."""
        quantile = (1 + level) / 2
        by_seeds = np.sqrt(self.total) * stats.t.ppf(quantile, self.freedom)
        by_noise = np.sqrt(self.noise / 2) * stats.t.ppf(quantile, self.noise_freedom)
        return np.where(self.noise_freedom > 0, ELO_PER_LOG_ODDS * np.maximum(by_seeds, by_noise), np.nan)

    def tail(self, difference: Array) -> Array:
        """Returns the one-sided p-values of differences in Elo points."""
        size = np.abs(difference) / ELO_PER_LOG_ODDS
        with np.errstate(divide="ignore", invalid="ignore"):
            by_seeds = stats.t.sf(size / np.sqrt(self.total), self.freedom)
            by_noise = stats.t.sf(size / np.sqrt(self.noise / 2), self.noise_freedom)
        return np.where((size > 0) & (self.noise_freedom > 0), np.fmax(by_seeds, by_noise), 0.5)
