"""The policy that SAC acts by while it collects: tanh of a Gaussian whose means and deviations the actor gives."""

from typing import Any

import numpy as np
import numpy.typing as npt

from arena.agent.hyperparameters import LOG_STD_BOUNDS

Array = npt.NDArray[Any]


def draw_actions(outputs: Array, rng: np.random.Generator) -> Array:
    """Returns unscaled actions `float32 [N, A]`, drawn from the policy.

    Args:
        outputs: Means, then log standard deviations, `float32 [N, 2 A]`; the latter are clipped to `LOG_STD_BOUNDS`.
        rng: Generator of the noise.
    """
    means, log_stds = np.split(outputs, 2, -1)
    noise = rng.standard_normal(means.shape, np.float32)
    return np.asarray(np.tanh(means + np.exp(np.clip(log_stds, *LOG_STD_BOUNDS)) * noise))
