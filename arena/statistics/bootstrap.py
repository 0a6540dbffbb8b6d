"""Intervals that hold with few training seeds: bootstrap over seeds first, episodes second, within each environment.

Every percentile interval is too short with few seeds (0.70 coverage of a nominal 95% with 3 seeds). There are two remedies, each used for
the metrics for which it measured best (`scripts/benchmarks/calibrate_intervals.py`; the table is in docs/statistics.md):

- Smooth metrics (mean, optimality gap, the median of one or two environments): the studentised bootstrap (Efron and Tibshirani, 1993,
  section 12.5), which is longer on the side of a tail. Its critical values are held near Student's t, the closer the more seeds there
  are: with few seeds they are erratic, and they are long if scores are bimodal.
- Order statistics (IQM, median): the percentile bootstrap at Student's t's tail probabilities (after Hesterberg, 2015,
  doi:10.1080/00031305.2015.1089789), since their standard error cannot be estimated if scores tie at a ceiling. No resample leaves
  the range of the seeds, which with 5 of them is too short whatever the tail, so the ends are put further out.

Seeds of one environment are resampled independently of the other environments; the starts of the evaluation episodes are the same
for all seeds, so they are resampled once for all of them (Owen, 2007, doi:10.1214/07-AOAS122).

Symbols: M environments, P points (of a curve, say), S seeds, E episodes, B resamples.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from arena.seeding import resampling_rng
from arena.statistics.estimate import Bounds, Estimate
from arena.statistics.metrics import METRICS, Scores
from arena.statistics.score_scale import UNBOUNDED
from arena.statistics.student import critical_value
from arena.statistics.variance_components import EstimatedVariance, variance_of_starts

Array = npt.NDArray[Any]

MIN_SEEDS = 5
"""Smallest number of seeds for an interval: of 4, all lie on one side of the median in 1 of 8 experiments, so an IQM cannot reach 95%."""
NUM_RESAMPLES = 4_000
"""Resamples behind each interval of a report."""
MEDIAN_NOTE = "the interval of a median over environments holds less often than it says: 0.88 to 0.97 were measured"
"""Remark on the interval of a median over three or more environments."""
MEAN_NOTE = (
    "The interval of a mean holds less often than 95% of the time if some seeds fail: 71% with 5 seeds, 88% with 10 and 91% with 20 were "
    "measured where one seed in five fails. A failure so rare that no seed has shown it is in no interval. The interval of an IQM holds, "
    "since an IQM leaves out the worst quarter of the runs."
)
"""Remark on the intervals of means in every report that has them."""
STUDENTISED = frozenset({"mean", "optimality_gap"})
"""Metrics with a studentised bootstrap interval; the others have a percentile interval."""

_WIDENING = 1.25
"""Factor by which an interval of an order statistic is longer than its percentiles, on each side: 1 + this / S^2."""
_MIN_RATIO = 0.9
"""Smallest critical value of the studentised bootstrap, as a ratio to Student's t."""
_MAX_EXCESS = 2.5
"""Largest critical value, as a ratio to Student's t, is 1 + this / degrees of freedom; beyond it, a few resamples decide."""


def estimate(
    returns: Sequence[Array],
    metric: str,
    *,
    bounds: Bounds = UNBOUNDED,
    confidence: float = 0.95,
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
) -> Estimate:
    """Returns a metric of scores with its interval.

    Args:
        returns: one array `[S, E]` of scores for each environment: training seeds by evaluation episodes. S may differ; E is 1 or the
            number of episodes of the protocol, and entry e has the same start for all seeds.
        metric: name in `METRICS`.
        bounds: smallest and largest possible value of the metric, at which the interval is cut off.
        confidence: probability that the interval holds the true value.
        seed: seed of the resampling.
        num_resamples: number of resamples B.
    """
    fewest = min(len(env_returns) for env_returns in returns)
    value = float(METRICS[metric]([env_returns.mean(-1) for env_returns in returns]))
    if reason := _no_interval(returns, fewest, confidence):
        return Estimate(value=value, num_seeds=fewest, note=reason)
    rng = resampling_rng(seed)
    low, high = interval([env_returns[None] for env_returns in returns], metric, confidence, rng, num_resamples)
    note = MEDIAN_NOTE if metric == "median" and len(returns) > 2 else ""
    return Estimate(value=value, low=float(low[0]), high=float(high[0]), num_seeds=fewest, note=note).clipped(bounds)


def band(
    values: Sequence[Array], *, bounds: Bounds = UNBOUNDED, confidence: float = 0.95, seed: int = 0, num_resamples: int = 1_000
) -> tuple[Array, Array, Array]:
    """Returns the mean and both ends of its pointwise interval over seeds, `[P]` each; the ends are NaN at points without an interval.

    Args:
        values: one array `[P, S]` for each environment.
        bounds: smallest and largest possible value, at which the intervals are cut off.
        confidence: probability that the interval of one point holds the true mean.
        seed: seed of the resampling.
        num_resamples: number of resamples B.
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
    """Returns the reason for giving no interval; empty if there can be one."""
    if fewest < MIN_SEEDS:
        return f"{fewest} seeds cannot support a {confidence:.0%} interval; at least {MIN_SEEDS} can"
    if all(np.ptp(env_returns.mean(-1)) == 0 for env_returns in returns):
        return f"all {fewest} seeds scored the same: they show no spread to estimate an interval from"
    return ""


def interval(returns: Sequence[Array], metric: str, confidence: float, rng: np.random.Generator, num_resamples: int) -> tuple[Array, Array]:
    """Returns both ends `[P]` of the interval of a metric at each of P points.

    At least one environment must have two seeds that differ; `estimate` and `band` see to that.

    Args:
        returns: one array `[P, S, E]` for each environment.
        metric: name in `METRICS`.
        confidence: probability that the interval of one point holds the true value.
        rng: source of the resamples.
        num_resamples: number of resamples B.
    """
    if metric == "median" and len(returns) <= 2:
        metric = "mean"  # the median of one or two means
    samples = [_resample(env_returns, rng, num_resamples) for env_returns in returns]  # each [P, B, S]
    if metric in STUDENTISED:
        return _studentised(returns, samples, metric, confidence)
    return _percentile(returns, samples, metric, confidence)


def _percentile(returns: Sequence[Array], samples: Scores, metric: str, confidence: float) -> tuple[Array, Array]:
    observed = [env_returns.mean(-1) for env_returns in returns]  # each [P, S]
    values, resampled = METRICS[metric](observed), METRICS[metric](samples)  # [P], [P, B]
    num_seeds = [env_observed.shape[-1] for env_observed in observed]
    tail = _student_tail((1.0 - confidence) / 2.0, num_seeds)
    ends = np.quantile(resampled, [tail, 1.0 - tail], axis=-1, method="nearest")  # [2, P]
    low, high = values + (1.0 + _WIDENING / min(num_seeds) ** 2) * (ends - values)
    return low, high


def _student_tail(tail: float, num_seeds: Sequence[int]) -> float:
    """Returns the tail probability of the resamples at which the interval ends.

    One environment needs Student's t. Several have more degrees of freedom together, but each one's resamples still spread too little,
    by the square root of (S - 1) / S.
    """
    fewest = min(num_seeds)
    pooled = np.sqrt(fewest / (fewest - 1)) * stats.t.ppf(tail, sum(num_seeds) - len(num_seeds))
    return float(stats.norm.cdf(max(pooled, stats.t.ppf(tail, fewest - 1))))


def _studentised(returns: Sequence[Array], samples: Scores, metric: str, confidence: float) -> tuple[Array, Array]:
    observed = [env_returns.mean(-1) for env_returns in returns]  # each [P, S]
    values, resampled = METRICS[metric](observed), METRICS[metric](samples)  # [P], [P, B]
    if metric == "optimality_gap":  # a mean of scores that are cut off at 1
        returns = [np.where(env_returns.mean(-1, keepdims=True) < 1.0, env_returns, 1.0) for env_returns in returns]
        observed, samples = ([np.minimum(env, 1.0) for env in envs] for envs in (observed, samples))
    starts = [variance_of_starts(env_returns) for env_returns in returns]  # each [P]
    variance = EstimatedVariance.total([*map(EstimatedVariance.of_mean, observed), *starts])  # [P], of the sum over environments
    of_starts = np.sum([part.variance for part in starts], axis=0)  # [P], the same in all resamples
    resampled_variance = np.sum([EstimatedVariance.of_mean(env).variance for env in samples], axis=0) + of_starts[:, None]  # [P, B]
    error, resampled_error = np.sqrt(variance.variance) / len(returns), np.sqrt(resampled_variance) / len(returns)  # [P], [P, B]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.nan_to_num((resampled - values[:, None]) / resampled_error, nan=0.0, posinf=np.inf, neginf=-np.inf)  # [P, B]
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(t, [tail, 1.0 - tail], axis=-1, method="nearest")  # never between a number and an infinity
    degrees = variance.degrees
    student = critical_value(confidence, degrees)
    above, below = (np.clip(end, _MIN_RATIO * student, (1.0 + _MAX_EXCESS / degrees) * student) for end in (-low, high))
    return values - below * error, values + above * error


def _resample(returns: Array, rng: np.random.Generator, num_resamples: int) -> Array:
    """Returns B resamples of the mean score of each seed `[P, B, S]`, from `returns` `[P, S, E]`."""
    num_points, num_seeds, num_episodes = returns.shape
    seeds = rng.integers(num_seeds, size=(num_resamples, num_seeds))
    if num_episodes == 1:
        return returns[:, seeds, 0]
    counts = rng.multinomial(num_episodes, np.full(num_episodes, 1.0 / num_episodes), size=num_resamples)  # [B, E]
    means = returns @ counts.T / num_episodes  # [P, S, B]
    drawn: Array = means[np.arange(num_points)[:, None, None], seeds, np.arange(num_resamples)[:, None]]
    return drawn
