"""Critical values of two-sided intervals: quantiles of the normal distribution and of Student's t."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats


def critical_value(confidence: float, degrees: npt.NDArray[Any] | float | None = None) -> npt.NDArray[Any]:
    """Returns how many standard errors a two-sided interval reaches to each side; the shape is that of `degrees`.

    Args:
        confidence: probability that the interval holds the true value, such as 0.95.
        degrees: degrees of freedom of the standard error; None if the standard error is known, which gives the normal quantile.
    """
    quantile = (1 + confidence) / 2
    return np.asarray(stats.norm.ppf(quantile) if degrees is None else stats.t.ppf(quantile, degrees))
