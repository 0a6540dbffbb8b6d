"""How far two agents are apart, in standard errors, for many labellings of their runs at once: the ingredients of `pair_tests`.

Two statistics, both studentised, so that agents that spread differently are compared by what each of them spreads:

- by ranks: P(improvement) minus one half, over the standard error of Brunner and Munzel (2000, Biometrical Journal 42, 17-25), as in
  the permutation test of Neubert and Brunner (2007, doi:10.1016/j.csda.2006.05.024);
- by means: the difference of mean returns over Welch's standard error (1947), as in Janssen's permutation test (1997,
  doi:10.1016/S0167-7152(97)00043-6). On several environments, differences are counted in standard deviations of all runs of both agents.

Row 0 of the labellings is the observed one. Symbols: B labellings, S and R seeds of the two agents, N = S + R.
"""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.seeding import resampling_rng
from arena.statistics.improvement import Samples
from arena.statistics.variance_components import EstimatedVariance

Array = npt.NDArray[Any]

ROUNDING = 1e-12
"""Smallest variance of a mean, relative to that of all runs together; below it there is rounding and no spread."""


@dataclasses.dataclass(frozen=True, eq=False)
class Labelled:
    """A statistic of one pair of agents under B labellings of its runs."""

    difference: Array
    """`[B]`, mean over environments of how much more the first agent has."""
    variance: EstimatedVariance
    """`[B]`, variance of `difference`, with its degrees of freedom."""
    floor: float
    """Smallest variance that the runs can support; it stands in for 0, which runs that are all apart would show."""

    @property
    def t(self) -> Array:
        """The difference in standard errors, `[B]`."""
        return np.asarray(self.difference / np.sqrt(np.maximum(self.variance.variance, self.floor)))


def labellings(num_first: int, num_second: int, count: int, seed: int) -> Array:
    """Returns which runs belong to the first agent, `float64 [count, N]` of ones and zeros: row 0 as observed, the others at random.

    Args:
        num_first: runs of the first agent, S.
        num_second: runs of the second agent, R.
        count: number of labellings B.
        seed: seed of the random labellings; the same seed gives all pairs of S and R runs the same ones.
    """
    observed = np.repeat([1.0, 0.0], [num_first, num_second])
    drawn = resampling_rng(seed).permuted(np.broadcast_to(observed, (count - 1, len(observed))), axis=1)
    return np.concatenate([observed[None], drawn])


def by_ranks(samples: Samples, labels: list[Array]) -> Labelled:
    """Returns the statistic of P(improvement).

    Args:
        samples: one pair of arrays `[S]`, `[R]` for each environment.
        labels: labellings `[B, N]` for each environment.
    """
    parts = []
    for (x, y), first in zip(samples, labels, strict=True):
        pooled = np.concatenate([x, y])
        beats = (pooled[:, None] > pooled) + 0.5 * (pooled[:, None] == pooled)  # [N, N]
        over_first = first @ beats.T  # [B, N], wins of each run over those of the first agent: halves, so that sums are exact
        won = {True: (beats.sum(1) - over_first) * first, False: over_first * (1.0 - first)}  # of each agent's runs over the other's
        variances = []
        for is_first, mine, theirs in ((True, len(x), len(y)), (False, len(y), len(x))):
            squares = mine * (won[is_first] ** 2).sum(1) - won[is_first].sum(1) ** 2
            variances.append(EstimatedVariance.from_degrees(squares / (mine - 1) / mine**2 / theirs**2, mine - 1))
        count = len(x) * len(y)
        # If all runs of one agent beat all of the other, the variance is 0; one tie between two runs would show this much.
        parts.append((won[True].sum(1) / count - 0.5, EstimatedVariance.total(variances), 2.0 * (0.5 / count) ** 2))
    return _mean(parts)


def by_means(samples: Samples, labels: list[Array]) -> Labelled:
    """Returns the statistic of mean returns; the arguments are those of `by_ranks`."""
    parts = []
    for (x, y), first in zip(samples, labels, strict=True):
        pooled = np.concatenate([x, y])
        spread = pooled.std()
        pooled = (pooled - pooled.mean()) / (spread if spread > 0.0 else 1.0)
        means, variances = [], []
        for own in (first, 1.0 - first):
            mine = int(own[0].sum())
            mean = own @ pooled / mine
            squares = np.maximum(own @ pooled**2 - mine * mean**2, 0.0)
            means.append(mean)
            variances.append(EstimatedVariance.from_degrees(squares / (mine - 1) / mine, mine - 1))
        parts.append((means[0] - means[1], EstimatedVariance.total(variances), ROUNDING))
    return _mean(parts)


def _mean(parts: list[tuple[Array, EstimatedVariance, float]]) -> Labelled:
    """Returns the mean over environments of (difference, variance, floor)."""
    differences, variances, floors = zip(*parts, strict=True)
    count = len(parts)
    return Labelled(sum(differences) / count, EstimatedVariance.total(variances).scaled(1.0 / count**2), sum(floors) / count**2)
