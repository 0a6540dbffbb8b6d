"""Corrections of p-values for the number of tests."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def holm(p_values: Sequence[float] | Array) -> Array:
    """Returns p-values corrected for their number `[N]`, in their order, by Holm's step-down procedure (1979, jstor.org/stable/4615733).

    Whoever rejects every hypothesis whose corrected p-value is at most alpha makes any wrong claim with probability alpha at most. NaN
    counts as 1: a test that could not be made decides nothing.

    Args:
        p_values: one for each test, `[N]`.
    """
    values = np.nan_to_num(np.asarray(p_values, np.float64), nan=1.0)
    order = np.argsort(values, kind="stable")
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1.0)
    return corrected


def holm_of_pairs(p_values: Array) -> Array:
    """Returns Holm's corrected p-values of all pairs of E entrants: `[E, E]`, symmetric, with ones on the diagonal.

    Args:
        p_values: `[E, E]`, symmetric; the diagonal is ignored, and NaN counts as 1.
    """
    rows, columns = np.triu_indices(len(p_values), 1)
    corrected = np.ones(p_values.shape)
    corrected[rows, columns] = corrected[columns, rows] = holm(p_values[rows, columns])
    return corrected
