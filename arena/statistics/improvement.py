"""Probability of improvement: how likely a run of one agent returns more than a run of another, with its interval."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize

from arena.statistics.estimate import Estimate
from arena.statistics.student import critical_value

Array = npt.NDArray[Any]
Samples = Sequence[tuple[Array, Array]]
"""Final returns of two agents, one pair of arrays `[S]`, `[R]` for each environment."""

MIN_SEEDS = 3
"""Smallest number of seeds of each agent for an interval; with fewer, it spans nearly all of [0, 1]."""


def probability_of_improvement(x: Array, y: Array) -> Array:
    """Returns the probability `[...]` that a run of x scores more than a run of y, ties half: Mann and Whitney's U over all pairs.

    Args:
        x: `[..., S]` scores of one agent on one environment.
        y: `[..., R]` scores of another.
    """
    differences = x[..., :, None] - y[..., None, :]
    return ((differences > 0) + 0.5 * (differences == 0)).mean((-2, -1))  # type: ignore[no-any-return]


def improvement(samples: Samples, *, confidence: float = 0.95) -> Estimate:
    """Returns the probability of improvement of x over y, mean over environments, with its interval.

    The interval is Newcombe's method 5 (2006, doi:10.1002/sim.2324). It holds the probabilities from which the observed one is not further
    than the normal quantile times the standard error *at that probability*, so that it has a width even if all runs of x beat all runs
    of y. That standard error is of two agents that spread alike. If the ranks show more variance (DeLong et al., 1988,
    doi:10.2307/2531595), as with a bimodal agent, the interval is longer by as much.

    Args:
        samples: one pair of arrays `[S]`, `[R]` for each environment.
        confidence: probability that the interval holds the true value.
    """
    value = float(np.mean([probability_of_improvement(x, y) for x, y in samples]))
    fewest = min(min(len(x), len(y)) for x, y in samples)
    if fewest < MIN_SEEDS:
        return Estimate(value=value, num_seeds=fewest, note=f"{fewest} seeds cannot support an interval; at least {MIN_SEEDS} can")
    critical, assumed = float(critical_value(confidence)), _variance_at(value, samples)
    inflation = max(1.0, _variance_of_ranks(samples) / assumed) if assumed > 0.0 else 1.0

    def excess(probability: float) -> float:
        return abs(value - probability) - critical * math.sqrt(inflation * _variance_at(probability, samples))

    inside = min(max(value, 1e-9), 1.0 - 1e-9)  # at 0 and 1 the standard error is 0, so that the bounds themselves are roots
    low = optimize.brentq(excess, 0.0, inside) if value > 0.0 else 0.0
    high = optimize.brentq(excess, inside, 1.0) if value < 1.0 else 1.0
    return Estimate(value=value, low=float(low), high=float(high), num_seeds=fewest)


def _variance_at(probability: float, samples: Samples) -> float:
    """Returns the variance of the estimate if the true value is `probability` in every environment (Hanley and McNeil, 1982)."""
    total = 0.0
    for x, y in samples:
        others = (len(x) + len(y)) / 2.0 - 1.0
        spread = 1.0 + others * ((1.0 - probability) / (2.0 - probability) + probability / (1.0 + probability))
        total += probability * (1.0 - probability) * spread / (len(x) * len(y))
    return total / len(samples) ** 2


def _variance_of_ranks(samples: Samples) -> float:
    """Returns the variance of the estimate that the ranks show (DeLong et al., 1988), by the spread of S runs over S, not S - 1.

    With S - 1, equal agents of 5 runs seem to spread unlike by chance alone, and their intervals hold too often.
    """
    total = 0.0
    for x, y in samples:
        wins, losses = probability_of_improvement(x[:, None], y), probability_of_improvement(y[:, None], x)  # [S], [R]
        total += float(wins.var() / len(x) + losses.var() / len(y))
    return total / len(samples) ** 2
