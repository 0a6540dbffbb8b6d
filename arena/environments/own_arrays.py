"""Copies of all arrays that go in and out of a vector environment of somebody else's, which may change its own in place."""

import copy
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class OwnArrays(gym.vector.VectorWrapper):
    """Wraps a vector environment so that both sides own their arrays. Of `info` only the last observations of episodes pass.

    `SyncVectorEnv` and Gymnasium's own vectorised environments need no such wrapper: their arrays are new at every step.
    """

    def reset(  # type: ignore[override]  # Gymnasium's own environments take None among the seeds; its wrapper's annotation does not
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Resets the environments."""
        observations, _ = self.env.reset(seed=seed, options=options)  # type: ignore[arg-type]
        return np.array(observations), {}

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:  # type: ignore[override]  # its types are unbound
        """Steps the environments."""
        observations, rewards, terminated, truncated, info = self.env.step(np.array(actions))
        finals: dict[str, Any] = {name: copy.deepcopy(info[name]) for name in ("final_obs", "_final_obs") if name in info}
        return np.array(observations), np.array(rewards, np.float64), np.array(terminated), np.array(truncated), finals
