"""An environment whose own code raises an error, for the tests of evaluation and of watching; `raising_env:Raising-v0` registers it."""

from typing import Any

import gymnasium as gym
import numpy as np

LENGTH = 4
"""Env steps of every episode."""
PLACES = ("reset", "step", "render", "close")
"""Functions that may raise."""


class RaisingEnv(gym.Env[Any, Any]):
    """Environment of episodes of `LENGTH` steps and rewards of 1.

    Args:
        at: a function of `PLACES` that raises.
        env_step: env step of the episode from which on it raises; a reset raises in any case.
        row: number of the environment that raises, among those made since the class's `made` was set to 0.
        render_mode: as Gymnasium gives it.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}
    made = 0

    def __init__(self, at: str = "step", env_step: int = 2, row: int | None = None, render_mode: str | None = None) -> None:
        self.observation_space = gym.spaces.Box(-1.0, 1.0, (4,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.render_mode = render_mode
        self.at = at if row in (None, RaisingEnv.made) else ""
        RaisingEnv.made += 1
        self.first, self.env_step = env_step, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins the next episode."""
        super().reset(seed=seed, options=options)
        self.env_step = 0
        if self.at == "reset":
            raise KeyError("no such\n table")
        return np.zeros(4, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Takes one step."""
        self.env_step += 1
        self._raise("step")
        return np.zeros(4, np.float32), 1.0, self.env_step == LENGTH, False, {}

    def render(self) -> Any:
        """Draws nothing, in black."""
        self._raise("render")
        return np.zeros((8, 8, 3), np.uint8)

    def close(self) -> None:
        """Frees what there is."""
        self._raise("close")

    def _raise(self, here: str) -> None:
        if here == self.at and (self.env_step >= self.first or here == "close"):
            raise KeyError("no such\n table")


gym.register("Raising-v0", RaisingEnv)
