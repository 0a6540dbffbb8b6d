"""Strengths of entrants in each environment, and how uncertain their ratings and differences are; in log-odds.

In one environment, an entrant's strength is the mean over its K players. For its variance there are four numbers:

- `noise`: match noise of that mean, as if all matches were independent (from the covariance of the fit);
- `noise of starts`: what the matches of one start have in common adds to it;
- `seeds`: the observed spread between the K players, divided by K, with K - 1 degrees of freedom;
- `seeds noise`: the expected value of `seeds` for players that differ by match noise alone.

Ratings and differences are weighted sums over environments. Two entrants are compared on the environments that both played, all with the
same weight; the weights of ratings come from `AdjustedMeans`. Every variance is put together from those of single environments, relative
to what the strengths are compared with there, before it is divided by the number of environments.

Symbols: T environments, E entrants, P players, K players of an entrant that played in the environment.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.rating.adjusted_means import AdjustedMeans
from arena.rating.bradley_terry import MAX_DENSE_PLAYERS, FittedStrengths, fit
from arena.rating.matches import Matches
from arena.rating.uncertainty import StrengthUncertainty
from arena.statistics.variance_components import EstimatedVariance, means_of_groups

Array = npt.NDArray[Any]

ROUNDING = 1e-9
"""Largest weight of an environment in a rating that is rounding, not a weight."""


class Strengths:
    """Mean strengths of E entrants over their players in T environments.

    Args:
        means: who played what, and how strengths make ratings.
        entrants: `int64 [P]`, the entrant of each player.
        max_dense_players: largest P for which covariances are kept; without them pairs cannot be compared.
    """

    def __init__(self, means: AdjustedMeans, entrants: Array, *, max_dense_players: int = MAX_DENSE_PLAYERS) -> None:
        self._means, self._entrants, self._max_dense_players = means, entrants, max_dense_players
        self.dense = len(entrants) <= max_dense_players
        num_envs, num_entrants = shape = means.present.shape
        self.strength = np.zeros(shape)  # [T, E]
        self.seat_advantages = np.zeros(num_envs)  # [T]
        self._noise, self._noise_of_starts = np.zeros(shape), np.zeros(shape)  # [T, E]
        self._noise_degrees = np.full(num_envs, np.inf)  # [T], number of starts minus 1
        self._seeds, self._seeds_squares = np.zeros(shape), np.zeros(shape)  # [T, E], the two parts of an `EstimatedVariance`
        self._seeds_noise = np.zeros(shape)  # [T, E]
        square = (num_entrants, num_entrants) if self.dense else (0, 0)
        self._covariance, self._covariance_of_starts = np.zeros(square), np.zeros(square)  # [E, E], sums over environments
        self._rating_noise, self._rating_noise_of_starts = np.zeros(num_entrants), np.zeros(num_entrants)  # [E]
        self._player_strength = np.zeros(len(entrants))  # [P], sum over environments
        self._players = np.zeros((num_envs, len(entrants)), np.bool_)  # [T, P], who played

    def add(self, env: int, table: Matches) -> None:
        """Fits the matches of environment number `env`; without matches nothing is added."""
        players, places = np.unique(np.concatenate([table.first, table.second]), return_inverse=True)
        if not len(players):
            return
        first, second = np.split(places.astype(np.int64), 2)
        renumbered = dataclasses.replace(table, first=first, second=second)
        fitted = fit(renumbered, len(players), max_dense_players=self._max_dense_players)
        present, group = np.unique(self._entrants[players], return_inverse=True)  # entrants that played; the entrant of each player
        count = np.bincount(group).astype(np.float64)  # K
        self.strength[env, present], seeds = means_of_groups(fitted.strengths, group, len(present))
        self.seat_advantages[env] = fitted.seat_advantage
        self._player_strength[players] += fitted.strengths
        self._players[env, players] = True
        self._noise_degrees[env] = fitted.num_starts - 1
        noise = self._add_noise(env, fitted, present, group)
        self._seeds[env, present], self._seeds_squares[env, present] = seeds.variance, seeds.squares
        # The expected spread of K players that differ by match noise alone: the mean of their variances minus their mean covariance.
        within = np.bincount(group, fitted.variance) - count * noise
        self._seeds_noise[env, present] = np.where(count > 1, within / np.maximum(count - 1, 1) / count, 0.0)

    def _add_noise(self, env: int, fitted: FittedStrengths, present: Array, group: Array) -> Array:
        """Adds the match noise of the means over players, and returns its variance for each entrant that played."""
        count = np.bincount(group).astype(np.float64)  # K
        if fitted.covariance is None or not self.dense:
            self._noise[env, present] = noise = np.bincount(group, fitted.variance) / count**2
            return np.asarray(noise)
        averaging = np.zeros((len(present), len(group)))  # takes strengths of players to means over the players of each entrant
        averaging[group, np.arange(len(group))] = 1 / count[group]
        pairs, contrast = np.ix_(present, present), self._means.contrast(env)[:, present]  # [E, entrants that played]
        covariance = averaging @ fitted.covariance @ averaging.T
        self._noise[env, present] = np.diag(covariance)
        self._covariance[pairs] += covariance
        self._rating_noise += ((contrast @ covariance) * contrast).sum(1)
        if fitted.shared is not None:
            of_starts = averaging @ fitted.shared @ averaging.T
            self._noise_of_starts[env, present] = np.diag(of_starts)
            self._covariance_of_starts[pairs] += of_starts
            self._rating_noise_of_starts += ((contrast @ of_starts) * contrast).sum(1)
        return np.asarray(np.diag(covariance))

    @property
    def num_players(self) -> Array:
        """Number of players of each entrant that played anywhere, `int64 [E]`."""
        return np.bincount(self._entrants[self._players.any(0)], minlength=self._means.present.shape[1])

    def ratings(self) -> Array:
        """Returns the ratings, `[E]`."""
        return self._means.ratings(self.strength)

    def player_ratings(self) -> Array:
        """Returns the mean over its environments of each player's strength minus what these add, `[P]`; NaN without matches."""
        num_envs = self._players.sum(0)
        total = self._player_strength - self._means.offsets(self.strength) @ self._players
        return np.asarray(np.divide(total, num_envs, out=np.full(len(total), np.nan), where=num_envs > 0))

    def differences(self) -> tuple[Array, StrengthUncertainty]:
        """Returns the differences of all pairs over the environments that both played, and their uncertainty, `[E, E]` each.

        Both are NaN for two entrants that share no environment.
        """
        present = self._means.present.astype(np.float64)  # [T, E]
        num_shared = present.T @ present  # [E, E]
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = np.where(num_shared > 0, 1 / num_shared, np.nan)  # of each environment that both played

        def over_shared(part: Array) -> Array:
            """Returns `[E, E]`: the sum of the row entrant's `part` `[T, E]` over the environments that the column's entrant played too."""
            return np.asarray(part.T @ present)

        own_noise, own_of_starts, own_seeds_noise = map(over_shared, (self._noise, self._noise_of_starts, self._seeds_noise))
        noise = own_noise + own_noise.T - 2 * self._covariance
        # Never less than of independent matches: with few starts what they share is uncertain itself, and an adaptive schedule, which
        # looks often, would find an order in what happens to be too small.
        noise += np.maximum(own_of_starts + own_of_starts.T - 2 * self._covariance_of_starts, 0.0)
        own_seeds = EstimatedVariance(over_shared(self._seeds), over_shared(self._seeds_squares))
        seeds = own_seeds + EstimatedVariance(own_seeds.variance.T, own_seeds.squares.T)
        seeds_noise = own_seeds_noise + own_seeds_noise.T
        noise_degrees = np.full(noise.shape, np.inf)  # the smallest number of starts of any environment that both played
        for played, degrees in zip(self._means.present, self._noise_degrees, strict=True):
            noise_degrees = np.where(np.outer(played, played), np.minimum(noise_degrees, degrees), noise_degrees)
        uncertainty = StrengthUncertainty.of(noise * weight**2, seeds.scaled(weight**2), seeds_noise * weight**2, noise_degrees)
        strength = over_shared(self.strength)
        return (strength - strength.T) * weight, uncertainty

    def rating_uncertainty(self) -> StrengthUncertainty:
        """Returns the uncertainty of the ratings, `[E]`."""
        if not self.dense:
            return self._approximate_rating_uncertainty()
        contrasts = [self._means.contrast(env) for env in range(len(self.strength))]  # T times [E, E]
        noise = self._rating_noise + np.maximum(self._rating_noise_of_starts, 0.0)
        seeds = _weighted(contrasts, self._seeds, self._seeds_squares)
        seeds_noise = np.sum([contrast**2 @ part for contrast, part in zip(contrasts, self._seeds_noise, strict=True)], axis=0)
        matters = np.array([(np.abs(contrast) > ROUNDING).any(1) for contrast in contrasts])  # [T, E]
        noise_degrees = np.where(matters, self._noise_degrees[:, None], np.inf).min(0)
        uncertainty = StrengthUncertainty.of(noise, seeds, seeds_noise, noise_degrees)
        if self._means.anchor is not None:
            return uncertainty
        # The degrees of freedom come from spreads shrunk halfway to their mean. From the raw ones, an entrant whose few seeds agree by
        # chance gets nearly those of all others together, just where its interval is too narrow; from the mean alone, intervals are
        # too wide.
        ratio = self._shrinkage()
        seeds = _weighted(contrasts, self._seeds * ratio, self._seeds_squares * ratio**2)
        shrunk = StrengthUncertainty.of(noise, seeds, seeds_noise, noise_degrees)
        return dataclasses.replace(uncertainty, degrees=shrunk.degrees)

    def _shrinkage(self) -> Array:
        """Returns the factors `[E]` that bring each entrant's spread between seeds halfway to the mean over entrants; 0 without spread."""
        own = self._seeds.sum(0) / np.maximum(self._means.present.sum(0), 1) ** 2  # [E]
        several = own > 0
        halfway = (own + own[several].mean()) / 2 if several.any() else own
        return np.asarray(np.divide(halfway, own, out=np.zeros_like(own), where=several))

    def _approximate_rating_uncertainty(self) -> StrengthUncertainty:
        """Returns the uncertainty without covariances, as if the effects of environments were known: with so many players they are."""
        own, of_anchor = self._means.own_weights()  # [T, E] each
        anchor = self._means.anchor or 0  # its weights are zero if there is none

        def summed(part: Array, power: int) -> Array:
            """Returns `[E]`: the sum over environments of `part` `[T, E]`, weighted by this power of the weights."""
            return np.asarray((own**power * part + of_anchor**power * part[:, [anchor]]).sum(0))

        seeds = EstimatedVariance(summed(self._seeds, 2), summed(self._seeds_squares, 4))
        noise = summed(self._noise, 2)
        noise_degrees = np.full(len(noise), self._noise_degrees.min(initial=np.inf))
        return StrengthUncertainty.of(noise, seeds, summed(self._seeds_noise, 2), noise_degrees)


def _weighted(contrasts: Iterable[Array], variances: Array, squares: Array) -> EstimatedVariance:
    """Returns the variances `[E]` of sums over T environments of `contrast [E, E] @ strengths [E]`, from those of strengths `[T, E]`."""
    parts = list(zip(contrasts, variances, squares, strict=True))
    variance = np.sum([contrast**2 @ part for contrast, part, _ in parts], axis=0)
    return EstimatedVariance(variance, np.sum([contrast**4 @ part for contrast, _, part in parts], axis=0))
