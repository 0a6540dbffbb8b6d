"""The one observation space that Gymnasium has no word for: features with the mask of allowed actions behind them.

A game's position says which actions are legal. Keeping that inside the observation lets it pass through vector environments, replay
buffers and policy files like any other number, so that an illegal action can be neither learned from nor played by mistake.
"""

from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class MaskedBox(gym.spaces.Box):
    """Flat observations `float32 [D + A]`: D features, then 1.0 for each of the A actions that is allowed and 0.0 for the others.

    Args:
        low: of the features, `[D]`.
        high: of the features, `[D]`.
        num_actions: A.
    """

    def __init__(self, low: Array, high: Array, num_actions: int) -> None:
        self.num_actions = num_actions
        mask_low, mask_high = np.zeros(num_actions, np.float32), np.ones(num_actions, np.float32)
        lows = np.concatenate([np.asarray(low, np.float32), mask_low])
        super().__init__(lows, np.concatenate([np.asarray(high, np.float32), mask_high]), dtype=np.float32)

    @property
    def num_features(self) -> int:
        """D."""
        return int(self.shape[0]) - self.num_actions

    def split(self, observations: Array) -> tuple[Array, Array]:
        """Returns features `float32 [..., D]` and masks `bool [..., A]` of `observations` `[..., D + A]`."""
        return observations[..., : -self.num_actions], observations[..., -self.num_actions :] > 0.5

    def __repr__(self) -> str:
        return f"MaskedBox({self.num_features} features, {self.num_actions} actions)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MaskedBox) and self.num_actions == other.num_actions and super().__eq__(other)
