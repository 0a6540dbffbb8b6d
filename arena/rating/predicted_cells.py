"""Predicts the points of pairs of entrants that never met, by a Bradley-Terry model of entrants.

In a round robin every pair meets, and nothing is predicted. Otherwise the model is fitted to the cells that were played, each with the
weight of its matches and one more match that ended in a tie, which keeps an entrant finite that always won. The score equations of the
model say that the predicted points of an entrant, over the matches it played, are those it took (Zermelo, 1929,
doi:10.1007/BF01180541). So a fit to a balanced round robin has the order of the row means (tested): the prediction reduces to what it
replaces.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

Array = npt.NDArray[Any]

RIDGE = 1e-4
"""Precision of the normal prior of every strength, in matches; it matters only between entrants that no chain of matches links."""
MAX_ITERATIONS = 200
"""Largest number of Newton steps."""
MAX_STEP = 2.0
"""Largest change of a strength in one Newton step, in log-odds."""
TOLERANCE = 1e-10
"""Largest change of a strength in the last Newton step, in log-odds."""


def entrant_strengths(share: Array, num_matches: Array) -> tuple[Array, Array]:
    """Returns the strengths `[E]` of entrants in log-odds, and the inverse `[E, E]` of their information.

    Args:
        share: `float64 [E, E]`, points of row i against column j; ignored where `num_matches` is 0.
        num_matches: `int64 [E, E]`.
    """
    played = num_matches > 0
    weight = np.where(played, num_matches + 1.0, 0.0)
    points = np.where(played, num_matches * np.nan_to_num(share) + 0.5, 0.0)
    strengths = np.zeros(len(share))
    for _ in range(MAX_ITERATIONS):
        predicted = expit(np.subtract.outer(strengths, strengths))
        information = _information(weight * predicted * (1 - predicted))
        step = np.linalg.solve(information, (points - weight * predicted).sum(1) - RIDGE * strengths)
        strengths += np.clip(step, -MAX_STEP, MAX_STEP)
        if np.abs(step).max(initial=0.0) < TOLERANCE:
            break
    return strengths, np.linalg.inv(information)


def completed(share: Array, num_matches: Array, *, even: bool) -> tuple[Array, Array, Array | None]:
    """Returns the points of all pairs `[E, E]` with 0 on the diagonal, which of them are predicted `bool [E, E]`, and what these depend on.

    The last is the derivative `[E, E]` of the mean of each row with respect to the excess points of each entrant over its matches, to which
    the model is fitted; None if nothing is predicted.

    Args:
        share: `float64 [E, E]`, points of row i against column j; ignored where `num_matches` is 0.
        num_matches: `int64 [E, E]`.
        even: whether the pairs that met did so about equally often. If not, all points are predicted: the mean of a row of few and of many
            matches would be as noisy as the few are.
    """
    num_entrants = len(share)
    predict = (num_matches == 0) | (not even)
    np.fill_diagonal(predict, False)
    filled = np.where(num_matches > 0, np.nan_to_num(share), 0.0)
    if not predict.any():
        return filled, predict, None
    strengths, inverse = entrant_strengths(share, num_matches)
    predicted = expit(np.subtract.outer(strengths, strengths))
    slope = np.where(predict, predicted * (1 - predicted), 0.0) / (num_entrants - 1)
    return np.where(predict, predicted, filled), predict, (np.diag(slope.sum(1)) - slope) @ inverse


def _information(slopes: Array) -> Array:
    np.fill_diagonal(slopes, 0.0)
    return np.asarray(np.diag(slopes.sum(1) + RIDGE) - slopes)
