"""Uncertainty of ratings and of their differences: match noise and the spread between training seeds, added up.

- *Match noise* is what more matches would take away. Its variance comes from the covariance of the fit.
- *Seeds*: the observed variance of the mean over the K players of an entrant, with K - 1 degrees of freedom. It holds the match noise of
  these players as well, which is therefore taken off the match noise that is added to it.
"""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from arena.rating.bradley_terry import ELO_PER_LOG_ODDS
from arena.statistics.student import critical_value
from arena.statistics.variance_components import EstimatedVariance

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, eq=False)
class StrengthUncertainty:
    """Variances of some quantities `[...]` in log-odds, and their t intervals.

    The variance of an interval is never less than half of the match noise. Without that, an entrant whose seeds all get the same results
    (every match a tie, say) would have an interval without width. With the whole match noise, intervals of seeds that do not differ would
    be too wide.
    """

    variance: Array
    """`[...]`, variance by match noise and by the spread between seeds together."""
    degrees: Array
    """`[...]`, degrees of freedom of `variance`."""
    noise: Array
    """`[...]`, variance by match noise alone."""
    noise_degrees: Array
    """`[...]`, degrees of freedom of `noise`: number of starts minus 1; 0 means that the noise cannot be estimated."""

    @classmethod
    def of(cls, noise: Array, seeds: EstimatedVariance, seeds_noise: Array, noise_degrees: Array) -> "StrengthUncertainty":
        """Adds up match noise and the spread between seeds, all `[...]`.

        Args:
            noise: variance by match noise.
            seeds: variance by the observed spread between seeds.
            seeds_noise: part of `seeds` that match noise alone explains.
            noise_degrees: degrees of freedom of `noise`.
        """
        rest = EstimatedVariance.from_degrees(np.maximum(noise - seeds_noise, 0.0), noise_degrees)
        total = rest + seeds
        return cls(total.variance, total.degrees, np.maximum(noise, 0.0), noise_degrees)

    def half_width(self, level: float) -> Array:
        """Returns half the width of the intervals `[...]` in Elo points; NaN if the match noise cannot be estimated."""
        by_seeds = np.sqrt(self.variance) * critical_value(level, self.degrees)
        by_noise = np.sqrt(self.noise / 2) * critical_value(level, self.noise_degrees)
        return np.where(self.noise_degrees > 0, ELO_PER_LOG_ODDS * np.maximum(by_seeds, by_noise), np.nan)

    def tail(self, difference: Array) -> Array:
        """Returns the one-sided p-values `[...]` of differences in Elo points; 0.5 for no difference, or if nothing can be said."""
        size = np.abs(difference) / ELO_PER_LOG_ODDS
        with np.errstate(divide="ignore", invalid="ignore"):
            by_seeds = stats.t.sf(size / np.sqrt(self.variance), self.degrees)
            by_noise = stats.t.sf(size / np.sqrt(self.noise / 2), self.noise_degrees)
        return np.where((size > 0) & (self.noise_degrees > 0), np.fmax(by_seeds, by_noise), 0.5)

    def share_of_noise(self) -> Array:
        """Returns the share of the variance `[...]` that more matches would take away; 1 for a variance of 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.variance > 0, np.minimum(self.noise / self.variance, 1.0), 1.0)
