"""Intervals that hold at few training seeds: bootstrap over seeds first, episodes second, within each environment.

Every percentile interval is too short at few seeds (0.70 coverage of a nominal 95% at 3 seeds). Two remedies, each where it measures
best (`scripts/benchmarks/calibrate_intervals.py`; the table is in docs/statistics.md):

- Smooth statistics (mean, optimality gap, the median of one or two environments): the studentised bootstrap (Efron & Tibshirani, 1993,
  section 12.5), which is longer on the side of a tail. Its critical values are held near Student's t, the more so the more seeds there
  are: they are erratic at few seeds and long where scores are bimodal.
- Order statistics (IQM, median): the percentile bootstrap at Student's t's tail probabilities (after Hesterberg, 2015,
  doi:10.1080/00031305.2015.1089789), since their standard error cannot be estimated where scores tie at a ceiling. No resample leaves
  the range of the seeds, which at 5 of them is too short whatever the tail: the ends are then put further out.

Seeds of one environment are resampled independently of the other environments; the starts of the evaluation episodes are the same
for all seeds, so they are resampled once for all of them (Owen, 2007, doi:10.1214/07-AOAS122).
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from arena.seeding import resampling_rng
from arena.statistics.estimate import Estimate
from arena.statistics.metrics import METRICS, Scores

Array = npt.NDArray[Any]
Bounds = tuple[float, float]

UNBOUNDED = -math.inf, math.inf

MIN_SEEDS = 5
"""With fewer, no interval of an IQM can reach 95%: of 4 seeds, all four lie on one side of the median in 1 of 8 experiments."""
NUM_RESAMPLES = 4_000
MEDIAN_NOTE = "the interval of a median over environments holds less often than it says: 0.88 to 0.97 were measured"
MEAN_NOTE = (
    "The interval of a mean over fewer than 20 seeds holds less often than 95% of the time where scores have a long tail (measured for "
    "exponential ones: 91% at 5 seeds, 92% at 10), and more often where they fall into two far groups (97% at 10). That of an IQM holds."
)
ENOUGH_SEEDS = 20
"""From here on the interval of a mean holds for all shapes that were measured."""
STUDENTISED = frozenset({"mean", "optimality_gap"})
_STRETCH = 1.25
"""An interval of an order statistic is longer than its percentiles, on each side, by this over the squared number of seeds."""
_SHORTEST = 0.9
"""Least critical value of the studentised bootstrap, over Student's t."""
_LONGEST = 2.5
"""The largest is 1 + this / degrees of freedom, over Student's t: beyond, a few resamples without spread decide it."""


def estimate(
    returns: Sequence[Array],
    metric: str,
    *,
    bounds: Bounds = UNBOUNDED,
    confidence: float = 0.95,
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
) -> Estimate:
    """Returns a statistic of scores with its interval.

    Args:
        returns: one array `[S, E]` of scores per environment: training seeds by evaluation episodes; S may differ, E is 1 or the
            episodes of the protocol, of which entry e starts alike for all seeds.
        metric: of `METRICS`.
        bounds: least and greatest possible value of the statistic, at which the interval is cut off.
        confidence: of the interval.
        seed: of the resampling.
        num_resamples: B.
    """
    fewest = min(len(env_returns) for env_returns in returns)
    value = float(METRICS[metric]([env_returns.mean(-1) for env_returns in returns]))
    if note := _no_interval(returns, fewest, confidence):
        return Estimate(value=value, num_seeds=fewest, note=note)
    rng = resampling_rng(seed)
    ends = interval([env_returns[None] for env_returns in returns], metric, confidence, rng, num_resamples)
    low, high = (float(np.clip(end[0], *bounds)) for end in ends)
    note = MEDIAN_NOTE if metric == "median" and len(returns) > 2 else ""
    return Estimate(value=value, low=low, high=high, num_seeds=fewest, note=note)


def band(
    values: Sequence[Array], *, bounds: Bounds = UNBOUNDED, confidence: float = 0.95, seed: int = 0, num_resamples: int = 1_000
) -> tuple[Array, Array, Array]:
    """Returns the mean and its pointwise interval at each of P points `[P]`, over seeds alone; NaN ends where there is no interval.

    Args:
        values: one array `[P, S]` per environment.
        bounds: least and greatest possible value.
        confidence: of each interval.
        seed: of the resampling.
        num_resamples: B.
    """
    means = METRICS["mean"](values)
    if min(env_values.shape[-1] for env_values in values) < MIN_SEEDS:
        nothing = np.full(means.shape, np.nan)
        return means, nothing, nothing
    ends = interval([env_values[..., None] for env_values in values], "mean", confidence, resampling_rng(seed), num_resamples)
    flat = np.all([np.ptp(env_values, axis=-1) == 0 for env_values in values], axis=0)
    low, high = (np.where(flat, np.nan, np.clip(end, *bounds)) for end in ends)
    return means, low, high


def _no_interval(returns: Sequence[Array], fewest: int, confidence: float) -> str:
    if fewest < MIN_SEEDS:
        return f"{fewest} seeds cannot support a {confidence:.0%} interval; at least {MIN_SEEDS} can"
    if all(np.ptp(env_returns.mean(-1)) == 0 for env_returns in returns):
        return f"all {fewest} seeds scored the same: they show no spread to estimate an interval from"
    return ""


def interval(returns: Sequence[Array], metric: str, confidence: float, rng: np.random.Generator, num_resamples: int) -> tuple[Array, Array]:
    """Returns both ends `[P]` of the interval at each of P points, from one array `[P, S, E]` per environment.

    At least one environment must have two seeds that differ; `estimate` and `band` see to that.
    """
    if metric == "median" and len(returns) <= 2:
        metric = "mean"  # the median of one or two means
    samples = [_resample(env_returns, rng, num_resamples) for env_returns in returns]  # each [P, B, S]
    observed = [env_returns.mean(-1) for env_returns in returns]  # each [P, S]
    values, resampled = METRICS[metric](observed), METRICS[metric](samples)  # [P], [P, B]
    tail = (1.0 - confidence) / 2.0
    if metric not in STUDENTISED:
        num_seeds = [env_observed.shape[-1] for env_observed in observed]
        tail = _student_tail(tail, num_seeds)
        ends = np.quantile(resampled, [tail, 1.0 - tail], axis=-1, method="nearest")
        low, high = values + (1.0 + _STRETCH / min(num_seeds) ** 2) * (ends - values)
        return low, high
    if metric == "optimality_gap":
        returns = [np.where(env_returns.mean(-1, keepdims=True) < 1.0, env_returns, 1.0) for env_returns in returns]
        observed, samples = ([np.minimum(env, 1.0) for env in envs] for envs in (observed, samples))
    starts = np.array([_variance_of_starts(env_returns) for env_returns in returns])  # [M, P]
    error, degrees = _standard_error(observed, starts, [env_returns.shape[-1] for env_returns in returns])
    resampled_error, _ = _standard_error(samples, starts[..., None])
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.nan_to_num((resampled - values[:, None]) / resampled_error, nan=0.0, posinf=np.inf, neginf=-np.inf)  # [P, B]
    low, high = np.quantile(t, [tail, 1.0 - tail], axis=-1, method="nearest")  # never between a number and an infinity
    student = stats.t.ppf(1.0 - tail, degrees)  # [P]
    above, below = (np.clip(end, _SHORTEST * student, (1.0 + _LONGEST / degrees) * student) for end in (-low, high))
    return values - below * error, values + above * error


def _student_tail(tail: float, num_seeds: Sequence[int]) -> float:
    """Returns the tail probability of the resamples at which the interval ends.

    One environment needs Student's t. Several have more degrees of freedom together, but each one's resamples still spread too little,
    by the square root of (S - 1) / S.
    """
    fewest = min(num_seeds)
    pooled = np.sqrt(fewest / (fewest - 1)) * stats.t.ppf(tail, sum(num_seeds) - len(num_seeds))
    return float(stats.norm.cdf(max(pooled, stats.t.ppf(tail, fewest - 1))))


def _resample(returns: Array, rng: np.random.Generator, num_resamples: int) -> Array:
    """Returns B resamples of the mean score of each seed `[P, B, S]`."""
    num_points, num_seeds, num_episodes = returns.shape
    seeds = rng.integers(num_seeds, size=(num_resamples, num_seeds))
    if num_episodes == 1:
        return returns[:, seeds, 0]
    counts = rng.multinomial(num_episodes, np.full(num_episodes, 1.0 / num_episodes), size=num_resamples)  # [B, E]
    means = returns @ counts.T / num_episodes  # [P, S, B]
    drawn: Array = means[np.arange(num_points)[:, None, None], seeds, np.arange(num_resamples)[:, None]]
    return drawn


def _variance_of_starts(returns: Array) -> Array:
    """Returns how much the choice of the E starts adds to the variance of the mean `[P]`, whatever the number of seeds.

    The part of the variance of the starts' means `[P, E]` that the interaction of starts and seeds does not explain: an analysis of
    variance in two crossed random ways.
    """
    num_points, num_seeds, num_episodes = returns.shape
    if num_episodes == 1:
        return np.zeros(num_points)
    by_start = returns.mean(-2)
    interaction = returns - returns.mean(-1, keepdims=True) - by_start[:, None] + returns.mean((-2, -1), keepdims=True)
    explained = (interaction**2).sum((-2, -1)) / ((num_seeds - 1) * (num_episodes - 1) * num_seeds)
    return np.maximum(0.0, by_start.var(-1, ddof=1) - explained) / num_episodes  # type: ignore[no-any-return]


def _standard_error(scores: Scores, starts: Array, num_starts: Sequence[int] = ()) -> tuple[Array, Array]:
    """Returns the standard error `[...]` of the mean over environments, and its degrees of freedom (Satterthwaite, 1946).

    Args:
        scores: `[..., S]` each.
        starts: `[M, ...]` variance that the evaluation starts add on each environment.
        num_starts: E of each environment; without it the degrees of freedom are those of the seeds.
    """
    variances = np.array([env_scores.var(-1, ddof=1) / env_scores.shape[-1] for env_scores in scores])  # [M, ...]
    total = variances.sum(0) + starts.sum(0)
    parts = [part**2 / (env_scores.shape[-1] - 1) for part, env_scores in zip(variances, scores, strict=True)]
    parts += [part**2 / max(1, count - 1) for part, count in zip(starts, num_starts, strict=False)]
    with np.errstate(divide="ignore", invalid="ignore"):
        degrees = total**2 / np.sum(parts, axis=0)
    return np.sqrt(total) / len(scores), np.nan_to_num(degrees, nan=1.0)
