"""Proportions with their errors: of runs that reached something, of points won in games that are not independent, of simulations."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from arena.statistics.estimate import Estimate
from arena.statistics.student import critical_value
from arena.statistics.variance_components import EstimatedVariance

Array = npt.NDArray[Any]


def simulated_share(share: float, count: int) -> str:
    """Returns a share of so many simulated experiments with its standard error in the last digit: 0.043(7) is 0.043 with an error of 0.007.

    A share of 0 or 1 has the error of one experiment.
    """
    return f"{share:.3f}({max(1, round(1000 * standard_error(share, count)))})"


def standard_error(share: float, count: int) -> float:
    """Returns the standard error of a share of so many independent experiments; that of one experiment where it is 0 or 1."""
    return float(np.sqrt(max(share * (1 - share), 1 / count) / count))


def wilson(share: Array | float, count: Array | float, critical: Array | float) -> tuple[Array, Array]:
    """Returns both ends of Wilson's score interval (1927, doi:10.1080/01621459.1927.10502953), in the shape of `share`.

    Args:
        share: observed proportion.
        count: number of independent trials behind it.
        critical: number of standard errors to each side, from `critical_value`.
    """
    square = critical**2
    centre = (share + square / (2 * count)) / (1 + square / count)
    half = critical / (1 + square / count) * np.sqrt(share * (1 - share) / count + square / (4 * count**2))
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)


def clopper_pearson(num_successes: int, num_trials: int, *, confidence: float = 0.95) -> Estimate:
    """Returns the fraction of successes with its exact interval (Clopper and Pearson, 1934); one trial for each training seed."""
    interval = stats.binomtest(num_successes, num_trials).proportion_ci(confidence, method="exact")
    return Estimate(value=num_successes / num_trials, low=float(interval.low), high=float(interval.high), num_seeds=num_trials)


def share_of_points(points: Array, players: Array, starts: Array, *, confidence: float = 0.95) -> Estimate:
    """Returns the mean of the points of an entrant's games with Wilson's score interval.

    A tie is half a point and counts as half a win. The variance of points with ties is below the p (1 - p) of wins alone, so ties make the
    interval too wide, if anything. Wilson's n is the number of games that would be as informative if they were independent. Two things
    make it smaller: what the games of one opening have in common, and the spread between training seeds, if that is larger. If every
    game ended alike, neither can be seen, and n is the number of openings.

    Args:
        points: `float64 [M]`, 1, 0.5 or 0 in each game.
        players: `int64 [M]`, the entrant's player (training seed) in each game.
        starts: `int64 [M]`, the opening of each game.
        confidence: probability that the interval holds the true share.
    """
    share, count = float(points.mean()), len(points)
    _, player = np.unique(players, return_inverse=True)
    num_seeds = int(player.max()) + 1
    _, opening = np.unique(starts, return_inverse=True)
    num_openings = int(opening.max()) + 1
    if num_openings == 1:
        return Estimate(value=share, num_seeds=num_seeds, note="all games had one opening, which says nothing of others")
    smooth = (points.sum() + 0.5) / (count + 1)  # never 0 or 1, so that it has a variance
    excess = points - share
    shared = (np.bincount(opening, excess) ** 2).sum() - (excess**2).sum()
    common = max(float(shared), 0.0) * num_openings / (num_openings - 1) / count**2
    independent = EstimatedVariance(smooth * (1 - smooth) / (count if excess.any() else num_openings), np.zeros(()))
    variance = independent + EstimatedVariance.from_degrees(common, num_openings - 1)
    if num_seeds > 1:
        shares = np.bincount(player, points) / np.bincount(player)
        between = EstimatedVariance.of_mean(shares)
        if between.variance > variance.variance:
            variance = between
    effective = smooth * (1 - smooth) / variance.variance
    low, high = wilson(share, effective, critical_value(confidence, variance.degrees))
    return Estimate(value=share, low=float(low), high=float(high), num_seeds=num_seeds)
