"""Integrated gradients (Sundararajan et al., 2017, arXiv:1703.01365) of a black box, with gradients by central differences."""

from typing import Any

import numpy as np
import numpy.typing as npt

from arena.explain.shapley import Function

Array = npt.NDArray[Any]

NUM_STEPS = 64
"""Number of points of the path, at the middles of equal parts."""
STEP = 0.01
"""Distance of the central differences, relative to the spread of each feature: float32 scores of a smaller one would be rounding."""


def integrated_gradients(function: Function, observations: Array, baseline: Array, spread: Array) -> tuple[Array, float]:
    """Returns what each feature adds along the straight path from a baseline, `[N, D, A]`, and by how much the sum is off.

    The sum over features is the score minus that of the baseline. The second value is the largest difference from it, relative to the
    largest score difference: a check of the gradients and of the number of steps.

    Args:
        function: Function to explain, `[N, D]` -> `[N, A]`.
        observations: Observations to explain, `[N, D]`.
        baseline: Start of the path, `[D]`.
        spread: Standard deviation of each feature, `[D]`.
    """
    num_features = observations.shape[1]
    distances = STEP * np.where(spread > 0.0, spread, 1.0).astype(np.float32)
    offsets = np.diag(distances)  # [D, D]
    places = ((np.arange(NUM_STEPS) + 0.5) / NUM_STEPS).astype(np.float32)
    found, worst, largest = [], 0.0, 0.0
    for observation in observations:
        path = baseline + places[:, None] * (observation - baseline)  # [K, D]
        rows = np.stack([path[:, None] + offsets, path[:, None] - offsets])  # [2, K, D, D]
        above, below = function(rows.reshape(-1, num_features)).astype(np.float64).reshape(2, NUM_STEPS, num_features, -1)
        gradients = ((above - below) / (2.0 * distances[:, None])).mean(0)  # [D, A]
        values = (observation - baseline)[:, None] * gradients
        ends = function(np.stack([observation, baseline])).astype(np.float64)
        worst = max(worst, float(np.abs(values.sum(0) - (ends[0] - ends[1])).max()))
        largest = max(largest, float(np.abs(ends[0] - ends[1]).max()))
        found.append(values)
    return np.array(found), worst / largest if largest else 0.0
