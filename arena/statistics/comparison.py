"""Which of two agents is better, and how sure that is after all pairs have been looked at."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from arena.seeding import resampling_rng
from arena.statistics.estimate import Estimate
from arena.statistics.metrics import probability_of_improvement

Array = npt.NDArray[Any]

MIN_SEEDS = 3
"""Below, the interval of a probability spans nearly all of [0, 1]."""
NUM_PERMUTATIONS = 9_999


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pair:
    """Whether agent `x` is better than agent `y`, over the environments that both were trained on."""

    x: str
    y: str
    probability: Estimate
    """That a run of x returns more than a run of y on the same environment, ties half; mean over environments."""
    p_value: float
    """Of no difference: permutation of runs between the two agents within each environment, two-sided."""
    p_value_holm: float
    """Corrected for the number of pairs (Holm, 1979)."""
    envs: tuple[str, ...]

    @property
    def decided(self) -> bool:
        """Whether the two differ at a family-wise error of 5%."""
        return self.p_value_holm <= 0.05


def compare_all(returns: Mapping[str, Mapping[str, Array]], *, confidence: float = 0.95, seed: int = 0) -> tuple[Pair, ...]:
    """Returns every pair of agents that share an environment, by name, with p-values corrected for their number (Holm).

    Args:
        returns: agent -> environment -> mean final return of each seed `[S]`.
        confidence: of the intervals.
        seed: of the permutations.
    """
    pairs = []
    for x, y in itertools.combinations(sorted(returns), 2):
        envs = tuple(env for env in returns[x] if env in returns[y])
        if not envs:
            continue
        samples = [(returns[x][env], returns[y][env]) for env in envs]
        probability = improvement(samples, confidence=confidence)
        pairs.append(Pair(x=x, y=y, probability=probability, p_value=permutation_test(samples, seed=seed), p_value_holm=1.0, envs=envs))
    corrected = holm([pair.p_value for pair in pairs])
    return tuple(_with_correction(pair, p_value) for pair, p_value in zip(pairs, corrected, strict=True))


def _with_correction(pair: Pair, p_value: float) -> Pair:
    return Pair(x=pair.x, y=pair.y, probability=pair.probability, p_value=pair.p_value, p_value_holm=p_value, envs=pair.envs)


def improvement(samples: Sequence[tuple[Array, Array]], *, confidence: float = 0.95) -> Estimate:
    """Returns the probability that a run of x returns more than one of y, mean over environments, with its interval.

    The interval is Newcombe's method 5 (2006, doi:10.1002/sim.2324): the probabilities from which the observed one is not further
    than the normal quantile times the standard error *at that probability*, so that it has a width even where all runs of x beat
    all runs of y. That standard error is of two agents that spread alike; where one is bimodal, say, the ranks show more variance
    (DeLong et al., 1988, doi:10.2307/2531595), and the interval is longer by as much.

    Args:
        samples: one pair of arrays `[S]`, `[R]` per environment.
        confidence: of the interval.
    """
    value = float(np.mean([probability_of_improvement(x, y) for x, y in samples]))
    fewest = min(min(len(x), len(y)) for x, y in samples)
    if fewest < MIN_SEEDS:
        return Estimate(value=value, num_seeds=fewest, note=f"{fewest} seeds cannot support an interval; at least {MIN_SEEDS} can")
    z, assumed = stats.norm.ppf(0.5 + confidence / 2.0), _variance(value, samples)
    inflation = max(1.0, _observed_variance(samples) / assumed) if assumed > 0.0 else 1.0

    def excess(probability: float) -> float:
        return abs(value - probability) - float(z) * math.sqrt(inflation * _variance(probability, samples))

    inside = min(max(value, 1e-9), 1.0 - 1e-9)  # at 0 and 1 the standard error is 0: the bounds themselves are no roots to look for
    low = optimize.brentq(excess, 0.0, inside) if value > 0.0 else 0.0
    high = optimize.brentq(excess, inside, 1.0) if value < 1.0 else 1.0
    return Estimate(value=value, low=float(low), high=float(high), num_seeds=fewest)


def _variance(probability: float, samples: Sequence[tuple[Array, Array]]) -> float:
    """Returns the variance of the estimate if the true value is `probability` in every environment (Hanley & McNeil, 1982)."""
    total = 0.0
    for x, y in samples:
        others = (len(x) + len(y)) / 2.0 - 1.0
        spread = 1.0 + others * ((1.0 - probability) / (2.0 - probability) + probability / (1.0 + probability))
        total += probability * (1.0 - probability) * spread / (len(x) * len(y))
    return total / len(samples) ** 2


def _observed_variance(samples: Sequence[tuple[Array, Array]]) -> float:
    """Returns the variance of the estimate that the ranks show (DeLong et al., 1988), by the spread of S runs over S, not S - 1.

    With S - 1, equal agents of 5 runs seem to spread unlike by chance alone, and their intervals hold too often.
    """
    total = 0.0
    for x, y in samples:
        wins, losses = probability_of_improvement(x[:, None], y), probability_of_improvement(y[:, None], x)  # of each run
        total += float(wins.var() / len(x) + losses.var() / len(y))
    return total / len(samples) ** 2


def permutation_test(samples: Sequence[tuple[Array, Array]], *, seed: int = 0) -> float:
    """Returns the two-sided p-value of no difference: runs are exchanged between the agents within each environment.

    The statistic is the mean over environments of the probability of improvement. With few seeds p cannot be small, however large
    the difference: at least 2/252 with 5 seeds each on one environment, 0.1 with 3.

    Args:
        samples: one pair of arrays `[S]`, `[R]` per environment.
        seed: of the permutations.
    """
    rng = resampling_rng(seed)
    observed, permuted = 0.0, np.zeros(NUM_PERMUTATIONS)
    for x, y in samples:
        ranks = stats.rankdata(np.concatenate([x, y]))
        expected = len(x) * (len(ranks) + 1) / 2.0
        observed += (ranks[: len(x)].sum() - expected) / (len(x) * len(y))
        shuffled = rng.permuted(np.broadcast_to(ranks, (NUM_PERMUTATIONS, len(ranks))), axis=1)
        permuted += (shuffled[:, : len(x)].sum(1) - expected) / (len(x) * len(y))
    return float((1 + (np.abs(permuted) >= abs(observed) - 1e-9).sum()) / (1 + NUM_PERMUTATIONS))


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values corrected for their number, in their order (Holm, 1979): wrong claims at any level are as rare as it says."""
    order = np.argsort(p_values, kind="stable")
    corrected, largest = [1.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        largest = max(largest, (len(p_values) - place) * p_values[index])
        corrected[index] = min(1.0, largest)
    return corrected


def profile_band(fractions: Array, num_runs: int, *, confidence: float = 0.95) -> tuple[Array, Array]:
    """Returns Wilson's interval of each fraction of runs `[T]`; somewhat wide where environments differ, since runs are stratified."""
    z = float(stats.norm.ppf(0.5 + confidence / 2.0))
    centre = (fractions + z**2 / (2 * num_runs)) / (1 + z**2 / num_runs)
    half = z / (1 + z**2 / num_runs) * np.sqrt(fractions * (1 - fractions) / num_runs + z**2 / (4 * num_runs**2))
    return np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)
