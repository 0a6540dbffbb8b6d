"""Means of returns and shares of points with their intervals, training seeds first, episodes or openings second.

Where the data cannot support an interval its bounds are None: one episode of one policy, one opening, or returns that are all the same,
which say nothing of how far the next may lie.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from arena.statistics.estimate import Interval

Array = npt.NDArray[Any]

ROUNDING = 1e-12
"""Relative to the values: a standard error below it is rounding, not spread."""


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
    value = float(by_start.mean())
    if num_starts == 1 and any(len(values) == 1 for values, _ in sides):
        return Interval(value=value, low=None, high=None)
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
    if variance**0.5 <= ROUNDING * max(float(np.abs(values).max()) for values, _ in sides):
        return Interval(value=value, low=None, high=None)
    freedom = variance**2 / sum(part**2 / of_part for part, of_part in parts)
    half = float(stats.t.ppf((1 + confidence) / 2, freedom)) * variance**0.5
    return Interval(value=value, low=value - half, high=value + half)


def share_interval(points: Array, players: Array, starts: Array, *, confidence: float = 0.95) -> Interval:
    """Returns the mean of the points of an entrant's games with Wilson's score interval.

    A tie is half a point and counts as half a win: the variance of points with ties is below the p (1 - p) of wins alone, so that ties make
    the interval, if anything, too wide. Wilson's n is the number of games that would be as informative if they were independent. Two things
    make it smaller: what the games of one opening have in common, and the spread between training seeds, where that is larger. Where every
    game ended alike neither can be seen, and n is the number of openings.

    Args:
        points: `float64 [M]`: 1, 0.5 or 0 in each game.
        players: `int64 [M]`, who of the entrant played it.
        starts: `int64 [M]`, its opening.
        confidence: of the interval.
    """
    share, count = float(points.mean()), len(points)
    group = np.unique(starts, return_inverse=True)[1]
    num_starts = int(group.max()) + 1
    if num_starts == 1:
        return Interval(value=share, low=None, high=None)
    smooth = (points.sum() + 0.5) / (count + 1)
    excess = points - share
    common = max(float((np.bincount(group, excess) ** 2).sum() - (excess**2).sum()), 0.0) * num_starts / (num_starts - 1) / count**2
    variance = smooth * (1 - smooth) / (count if excess.any() else num_starts) + common
    freedom = variance**2 / (common**2 / (num_starts - 1)) if common else np.inf
    _, player = np.unique(players, return_inverse=True)
    if player.any():  # several training seeds
        shares = np.bincount(player, points) / np.bincount(player)
        between = float(shares.var(ddof=1)) / len(shares)
        if between > variance:
            variance, freedom = between, len(shares) - 1
    low, high = wilson(share, smooth * (1 - smooth) / variance, stats.t.ppf((1 + confidence) / 2, freedom))
    return Interval(value=share, low=float(low), high=float(high))


def wilson(share: Array | float, count: Array | float, quantile: Array | float) -> tuple[Array, Array]:
    """Returns the bounds of Wilson's score interval (1927, doi:10.1080/01621459.1927.10502953)."""
    square = quantile**2
    centre = (share + square / (2 * count)) / (1 + square / count)
    half = quantile / (1 + square / count) * np.sqrt(share * (1 - share) / count + square / (4 * count**2))
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)


def variance_saved(first: Array, second: Array) -> float | None:
    """Returns 1 - var(difference) / (var(first) + var(second)) over episodes, pooled over all pairs of seeds; None where nothing varies.

    0 means that sharing the starts saved nothing, 0.5 that it halved the variance, and below 0 that it did harm.
    """
    separate = first.var(axis=1).mean() + second.var(axis=1).mean()
    if separate == 0.0:
        return None
    return float(1.0 - (first[:, None] - second[None]).var(axis=-1).mean() / separate)
