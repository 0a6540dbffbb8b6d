"""Means of returns with intervals that hold training seeds first, episodes second, and use that the episodes are paired."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from arena.tournament.standings import Interval

Array = npt.NDArray[Any]


def mean_interval(values: Array, *, confidence: float = 0.95) -> Interval:
    """Returns the mean of `values` `[K, E]` (training seeds, episodes) with its interval."""
    return _interval([(values, 1.0)], confidence)


def difference_interval(first: Array, second: Array, *, confidence: float = 0.95) -> Interval:
    """Returns the mean of `first` `[K, E]` minus that of `second` `[L, E]`, whose episodes are paired, with its interval."""
    return _interval([(first, 1.0), (second, -1.0)], confidence)


def _interval(sides: Sequence[tuple[Array, float]], confidence: float) -> Interval:
    """Returns the interval of a signed sum of means.

    Its variance has two parts: that of training seeds (from the spread of their means, K - 1 degrees of freedom) and that of starts (from
    the spread over episodes of the sum of the means over seeds, E - 1). The first holds already what single episodes add beyond their
    start, so that is taken off the second. Degrees of freedom after Satterthwaite (1946, doi:10.2307/3002019). With one seed on each
    side this is the paired t interval.
    """
    by_start = sum(sign * values.mean(axis=0) for values, sign in sides)  # [E]
    assert isinstance(by_start, np.ndarray)
    num_starts = len(by_start)
    starts = float(by_start.var(ddof=1)) / num_starts if num_starts > 1 else 0.0
    parts = []
    for values, _ in sides:
        num_seeds = len(values)
        if num_seeds > 1:
            means = values.mean(axis=1)
            parts.append((float(means.var(ddof=1)) / num_seeds, num_seeds - 1))
            rest = values - means[:, None] - values.mean(axis=0) + values.mean()
            residual = float((rest**2).sum()) / max(1, (num_seeds - 1) * (num_starts - 1))
            starts -= residual / num_seeds / num_starts
    parts.append((max(starts, 0.0), max(1, num_starts - 1)))
    variance = sum(part for part, _ in parts)
    value = float(by_start.mean())
    if variance == 0.0:
        return Interval(value=value, low=value, high=value)
    freedom = variance**2 / sum(part**2 / of_part for part, of_part in parts)
    half = float(stats.t.ppf((1 + confidence) / 2, freedom)) * variance**0.5
    return Interval(value=value, low=value - half, high=value + half)


def variance_saved(first: Array, second: Array) -> float | None:
    """Returns 1 - var(difference) / (var(first) + var(second)) over episodes, pooled over all pairs of seeds; None where nothing varies.

    0 means that sharing the starts saved nothing, 0.5 that it halved the variance, and below 0 that it did harm.
    """
    separate = first.var(axis=1).mean() + second.var(axis=1).mean()
    if separate == 0.0:
        return None
    return float(1.0 - (first[:, None] - second[None]).var(axis=-1).mean() / separate)
