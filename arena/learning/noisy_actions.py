"""The actions that TD3 and DDPG collect with: the policy's, with Gaussian noise on them."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def noisy_actions(actions: Array, std: float, rng: np.random.Generator) -> Array:
    """Returns unscaled actions `float32 [N, A]` within [-1, 1] (Fujimoto et al., 2018, arXiv:1802.09477, algorithm 1).

    Args:
        actions: The policy's unscaled actions, `float32 [N, A]`.
        std: Standard deviation of the noise.
        rng: Generator of the noise.
    """
    noise = rng.standard_normal(actions.shape, np.float32)
    return np.asarray(np.clip(actions + np.float32(std) * noise, -1.0, 1.0))
