"""t intervals of mean returns and of their paired differences, over training seeds and the starts of evaluation episodes.

Some data cannot support an interval: one episode of one policy, or returns that are all the same, which say nothing of how far the next
one may lie.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from arena.statistics.estimate import Estimate
from arena.statistics.metrics import TRIMMED_FRACTION, iqm
from arena.statistics.student import critical_value
from arena.statistics.variance_components import EstimatedVariance, variance_of_starts

Array = npt.NDArray[Any]

ROUNDING = 1e-12
"""Largest ratio of a standard error to the values at which the standard error is rounding, not spread."""

MEAN_NOTE = (
    "The interval of a mean holds less often than 95% of the time if some seeds fail: 71% with 5 seeds, 88% with 10 and 91% with 20 were "
    "measured where one seed in five fails. A failure so rare that no seed has shown it is in no interval."
)
"""Remark on the intervals of means in every report and leaderboard that has them."""
MEAN_AND_IQM_NOTE = f"{MEAN_NOTE} The interval of an IQM holds, since an IQM leaves out the worst quarter of the runs."
"""`MEAN_NOTE` where intervals of IQMs stand beside those of means."""
DIFFERENCE_NOTE = (
    "the interval of a difference of means holds less often than it says if the seeds of one agent sometimes fail: 0.73 to 0.76 with 5 "
    "seeds and 0.90 with 10 were measured where one in five does, since no method can know of failures that no seed has shown"
)
"""Remark on the interval of a difference of means with fewer than `SURE_SEEDS` seeds."""
SURE_SEEDS = 20
"""Number of seeds from which failures of one seed in five rarely stay unseen: with 20, 0.91 to 0.92 were measured."""


def difference_note(num_seeds: int) -> str:
    """Returns the remark on an interval of a difference of means, of agents with at least `num_seeds` seeds; empty from `SURE_SEEDS` on."""
    return DIFFERENCE_NOTE if num_seeds < SURE_SEEDS else ""


def mean_interval(values: Array, *, confidence: float = 0.95) -> Estimate:
    """Returns the mean of `values` `[K, E]` (training seeds, episodes) with its interval."""
    return _sum_of_means(values, confidence=confidence)


def difference_interval(first: Array, second: Array, *, confidence: float = 0.95) -> Estimate:
    """Returns the mean of `first` `[K, E]` minus that of `second` `[L, E]`, whose episodes are paired, with its interval."""
    return _sum_of_means(first, -second, confidence=confidence)


def _sum_of_means(*sides: Array, confidence: float) -> Estimate:
    """Returns the sum of the means of the sides, `[K, E]` each, with its interval.

    Its variance has two parts: that of training seeds, from the spread of their means (K - 1 degrees of freedom), and that of starts, from
    the spread over episodes of the sum of the means over seeds (E - 1). With one seed on each side this is the paired t interval.
    """
    by_start = sum(side.mean(axis=0) for side in sides)  # [E]
    assert isinstance(by_start, np.ndarray)
    value, num_seeds = float(by_start.mean()), min(map(len, sides))
    if len(by_start) == 1 and num_seeds == 1:
        return Estimate(value=value, num_seeds=num_seeds, note="one episode of one policy supports no interval")
    seeds = [EstimatedVariance.of_mean(side.mean(axis=1)) for side in sides if len(side) > 1]
    variance = EstimatedVariance.total([*seeds, variance_of_starts(*sides)])
    if variance.variance**0.5 <= ROUNDING * max(float(np.abs(side).max()) for side in sides):
        return Estimate(value=value, num_seeds=num_seeds, note="the returns show no spread to estimate an interval from")
    half = float(variance.half_width(confidence))
    return Estimate(value=value, low=value - half, high=value + half, num_seeds=num_seeds)


def trimmed_interval(values: Array, *, confidence: float = 0.95) -> Estimate:
    """Returns the interquartile mean of `values` `[E]` with its t interval, whose variance is the Winsorised one.

    Source: Tukey and McLaughlin (1963), "Less vulnerable confidence and significance procedures for location", Sankhya A 25.
    """
    count, num_cut = len(values), int(TRIMMED_FRACTION * len(values))
    value, kept = float(iqm([values])), count - 2 * num_cut
    if kept < 2:
        return Estimate(value=value, num_seeds=1, note="so few episodes support no interval")
    ordered = np.sort(values)
    deviation = float(np.clip(values, ordered[num_cut], ordered[count - num_cut - 1]).std(ddof=1))
    error = deviation * count**0.5 / kept
    if error <= ROUNDING * float(np.abs(values).max()):
        return Estimate(value=value, num_seeds=1, note="the returns show no spread to estimate an interval from")
    half = error * float(critical_value(confidence, kept - 1))
    return Estimate(value=value, low=value - half, high=value + half, num_seeds=1)


def variance_saved(first: Array, second: Array) -> float | None:
    """Returns 1 - var(difference) / (var(first) + var(second)) over episodes, pooled over all pairs of seeds; None if nothing varies.

    0 means that sharing the starts saved nothing, 0.5 that it halved the variance, and a negative number that it did harm.

    Args:
        first: returns `[K, E]` of one entrant.
        second: returns `[L, E]` of another, from the same starts.
    """
    separate = first.var(axis=1).mean() + second.var(axis=1).mean()
    if separate == 0.0:
        return None
    return float(1.0 - (first[:, None] - second[None]).var(axis=-1).mean() / separate)
