"""Statistics of scores, as `rliable` defines them (Agarwal et al., 2021, arXiv:2108.13264), on plain arrays.

Scores come as one array for each environment, `[..., S]` over training seeds; leading axes are batches (bootstrap samples, points of a
curve). All environments weigh the same, whatever their number of seeds; only the IQM pools all runs.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Scores = Sequence[Array]
"""Scores of each environment, `[..., S]`."""

TRIMMED_FRACTION = 0.25
"""Fraction of the runs that the IQM leaves out at each end."""


def mean(scores: Scores) -> Array:
    """Returns the mean over environments of the mean over seeds `[...]`."""
    return np.mean([env_scores.mean(-1) for env_scores in scores], axis=0)  # type: ignore[no-any-return]


def median(scores: Scores) -> Array:
    """Returns the median over environments of the mean over seeds `[...]`."""
    return np.median([env_scores.mean(-1) for env_scores in scores], axis=0)  # type: ignore[no-any-return]


def iqm(scores: Scores) -> Array:
    """Returns the interquartile mean over all runs `[...]`: a quarter of them, rounded down, is cut at each end."""
    pooled = np.concatenate(list(scores), axis=-1)
    num_cut = int(TRIMMED_FRACTION * pooled.shape[-1])
    kept = range(num_cut, pooled.shape[-1] - num_cut)
    pooled = np.partition(pooled, [kept.start, kept.stop - 1], axis=-1)
    return pooled[..., kept.start : kept.stop].mean(-1)  # type: ignore[no-any-return]


def optimality_gap(scores: Scores) -> Array:
    """Returns how far the scores fall short of 1 on average `[...]`; a score above 1 counts as 1."""
    return 1.0 - mean([np.minimum(env_scores, 1.0) for env_scores in scores])


METRICS: dict[str, Callable[[Scores], Array]] = {"iqm": iqm, "mean": mean, "median": median, "optimality_gap": optimality_gap}
"""Metrics of scores by name: each takes one array `[..., S]` for each environment and returns `[...]`."""


def profile(scores: Scores, thresholds: Array) -> Array:
    """Returns the fraction of runs that score above each of the thresholds `[T]`, mean over environments `[T]`.

    Args:
        scores: one array `[S]` for each environment.
        thresholds: scores `[T]`.
    """
    return np.mean([(env_scores[:, None] > thresholds).mean(0) for env_scores in scores], axis=0)  # type: ignore[no-any-return]
