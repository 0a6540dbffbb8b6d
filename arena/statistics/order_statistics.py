"""The exact interval of a median of few values, some of which may be censored."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

Array = npt.NDArray[Any]


def median_interval(values: Array, *, confidence: float = 0.95) -> tuple[float, float]:
    """Returns the exact interval of the median from order statistics; NaN if there are too few values (fewer than 6 for 95%).

    Args:
        values: `[S]`, infinite if censored.
        confidence: smallest probability with which the interval holds the median.
    """
    rank = int(stats.binom.ppf((1.0 - confidence) / 2.0, len(values), 0.5))  # the ends are the rank-th from below and above
    if stats.binom.cdf(rank - 1, len(values), 0.5) > (1.0 - confidence) / 2.0:
        rank -= 1
    if rank < 1:
        return np.nan, np.nan
    ordered = np.sort(values)
    return float(ordered[rank - 1]), float(ordered[-rank])
