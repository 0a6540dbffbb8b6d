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

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from arena.seeding import resampling_rng
from arena.statistics.estimate import Bounds, Estimate
from arena.statistics.mean_intervals import difference_note
from arena.statistics.metrics import METRICS
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


def difference(
    first: Sequence[Array],
    second: Sequence[Array],
    metric: str,
    *,
    bounds: Bounds = UNBOUNDED,
    confidence: float = 0.95,
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
) -> Estimate:
    """Returns the metric of the scores of `first` minus that of `second`, with its interval.

    Args:
        first: scores of one agent, as `estimate` takes them.
        second: scores of another agent on the same environments, from the same starts.
        metric: `mean` or `iqm`.
        bounds: smallest and largest possible value of the metric of one agent; the difference is cut off where they put it.
        confidence: probability that the interval holds the true difference.
        seed: seed of the resampling.
        num_resamples: number of resamples B.
    """
    sides = [list(pair) for pair in zip(*map(_same_episodes, first, second), strict=True)]
    means = [[env_returns.mean(-1) for env_returns in side] for side in sides]
    value = float(METRICS[metric](means[0]) - METRICS[metric](means[1]))
    fewest = min(len(env_means) for side in means for env_means in side)
    if reason := _no_interval([env_returns for side in sides for env_returns in side], fewest, confidence):
        return Estimate(value=value, num_seeds=fewest, note=reason)
    one, other = ([env_returns[None] for env_returns in side] for side in sides)
    low, high = difference_interval(one, other, metric, confidence, resampling_rng(seed), num_resamples)
    widest = bounds[1] - bounds[0]
    note = difference_note(fewest) if metric == "mean" else ""
    return Estimate(value=value, low=float(low[0]), high=float(high[0]), num_seeds=fewest, note=note).clipped((-widest, widest))


def _same_episodes(one: Array, other: Array) -> tuple[Array, Array]:
    """Returns two arrays `[S, E]` of equal E: all runs of an agent may have failed, with one and the same return for all episodes."""
    num_episodes = max(one.shape[1], other.shape[1])
    first, second = (np.repeat(side, num_episodes // side.shape[1], axis=1) for side in (one, other))
    return first, second


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
        sides = [_Side(returns, samples, 1.0).limited(metric)]
        return _studentised(sides, [variance_of_starts(env_returns) for env_returns in sides[0].returns], metric, confidence)
    return _percentile([_Side(returns, samples, 1.0)], metric, confidence)


def difference_interval(
    first: Sequence[Array], second: Sequence[Array], metric: str, confidence: float, rng: np.random.Generator, num_resamples: int
) -> tuple[Array, Array]:
    """Returns both ends `[P]` of the interval of the metric of `first` minus that of `second`; takes what `interval` takes.

    Training seeds of the two are resampled independently of each other. The starts of the evaluation episodes are the same for both, and
    are resampled once for them. At least one environment must have two seeds of one side that differ.
    """
    samples: tuple[list[Array], list[Array]] = ([], [])
    for one, other in zip(first, second, strict=True):
        counts = _start_counts(one.shape[-1], rng, num_resamples)
        for side, env_returns in zip(samples, (one, other), strict=True):
            side.append(_resample(env_returns, rng, num_resamples, counts))
    sides = [_Side(first, samples[0], 1.0), _Side(second, samples[1], -1.0)]
    if metric in STUDENTISED:
        sides = [side.limited(metric) for side in sides]
        starts = [variance_of_starts(one, -other) for one, other in zip(sides[0].returns, sides[1].returns, strict=True)]
        return _studentised(sides, starts, metric, confidence)
    return _percentile(sides, metric, confidence)


@dataclasses.dataclass(frozen=True)
class _Side:
    """Scores of one agent, which are added to or subtracted from those of another."""

    returns: Sequence[Array]
    """One array `[P, S, E]` for each environment."""
    samples: Sequence[Array]
    """Resamples of the means of seeds, one array `[P, B, S]` for each environment."""
    sign: float
    """1, or -1 for an agent whose metric is subtracted."""

    def limited(self, metric: str) -> "_Side":
        """Returns the side as the metric sees it: the optimality gap is a mean of scores that are cut off at 1."""
        if metric != "optimality_gap":
            return self
        returns = [np.where(env_returns.mean(-1, keepdims=True) < 1.0, env_returns, 1.0) for env_returns in self.returns]
        return _Side(returns, [np.minimum(env, 1.0) for env in self.samples], self.sign)

    @property
    def observed(self) -> list[Array]:
        """Means of seeds, one array `[P, S]` for each environment."""
        return [env_returns.mean(-1) for env_returns in self.returns]


def _values(sides: Sequence[_Side], metric: str) -> tuple[Array, Array]:
    """Returns the metric `[P]`, and that of the resamples `[P, B]`."""
    observed = sum(side.sign * METRICS[metric](side.observed) for side in sides)
    resampled = sum(side.sign * METRICS[metric](side.samples) for side in sides)
    return np.asarray(observed), np.asarray(resampled)


def _percentile(sides: Sequence[_Side], metric: str, confidence: float) -> tuple[Array, Array]:
    values, resampled = _values(sides, metric)  # [P], [P, B]
    num_seeds = [env_observed.shape[-1] for side in sides for env_observed in side.observed]
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


def _studentised(sides: Sequence[_Side], starts: Sequence[EstimatedVariance], metric: str, confidence: float) -> tuple[Array, Array]:
    values, resampled = _values(sides, metric)  # [P], [P, B]
    num_envs = len(starts)
    observed = [env for side in sides for env in side.observed]
    variance = EstimatedVariance.total([*map(EstimatedVariance.of_mean, observed), *starts])  # [P], of the sum over environments
    of_starts = np.sum([part.variance for part in starts], axis=0)  # [P], the same in all resamples
    of_seeds = np.sum([EstimatedVariance.of_mean(env).variance for side in sides for env in side.samples], axis=0)  # [P, B]
    resampled_variance = of_seeds + of_starts[:, None]
    error, resampled_error = np.sqrt(variance.variance) / num_envs, np.sqrt(resampled_variance) / num_envs  # [P], [P, B]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.nan_to_num((resampled - values[:, None]) / resampled_error, nan=0.0, posinf=np.inf, neginf=-np.inf)  # [P, B]
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(t, [tail, 1.0 - tail], axis=-1, method="nearest")  # never between a number and an infinity
    degrees = variance.degrees
    student = critical_value(confidence, degrees)
    above, below = (np.clip(end, _MIN_RATIO * student, (1.0 + _MAX_EXCESS / degrees) * student) for end in (-low, high))
    return values - below * error, values + above * error


def _resample(returns: Array, rng: np.random.Generator, num_resamples: int, counts: Array | None = None) -> Array:
    """Returns B resamples of the mean score of each seed `[P, B, S]`, from `returns` `[P, S, E]`.

    Args:
        returns: scores.
        rng: source of the resamples.
        num_resamples: number of resamples B.
        counts: how often each start is drawn, `[B, E]`; None draws them here.
    """
    num_points, num_seeds, num_episodes = returns.shape
    seeds = rng.integers(num_seeds, size=(num_resamples, num_seeds))
    if num_episodes == 1:
        return returns[:, seeds, 0]
    if counts is None:
        counts = _start_counts(num_episodes, rng, num_resamples)
    means = returns @ counts.T / num_episodes  # [P, S, B]
    drawn: Array = means[np.arange(num_points)[:, None, None], seeds, np.arange(num_resamples)[:, None]]
    return drawn


def _start_counts(num_episodes: int, rng: np.random.Generator, num_resamples: int) -> Array:
    """Returns how often each start is drawn in each resample, `[B, E]`."""
    return rng.multinomial(num_episodes, np.full(num_episodes, 1.0 / num_episodes), size=num_resamples)
