"""An environment that gives a bad value at one env step of one episode, for the tests of training and of evaluation."""

from typing import Any

import gymnasium as gym
import numpy as np

LENGTH = 4
"""Env steps of every episode."""
NAMES = {"NaN": float("nan"), "infinity": float("inf"), "-infinity": float("-inf"), "None": None}
"""Values that no environment may give, by the name that errors give them."""
PLACES = {"reset": 0, "step": 2, "last step": LENGTH}
"""Env steps at which a value may be bad; 0 is the reset."""
GIVEN = [(what, place) for what in ("reward", "observation") for place in PLACES if (what, place) != ("reward", "reset")]
"""What an environment gives, and where; a reset gives no reward."""


class BadEnv(gym.Env[Any, Any]):
    """Environment of episodes of `LENGTH` steps and rewards of 1.

    Args:
        what: `reward` or `observation`.
        value: a name of `NAMES`, or a number.
        at: env step within the episode; 0 for the reset.
        episode: episode of the environment, from 1.
        row: number of the environment that is bad, among those made since the class's `made` was set to 0.
    """

    made = 0

    def __init__(self, what: str = "reward", value: str = "0.5", at: int = 2, episode: int = 2, row: int = 1) -> None:
        self.observation_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.bad = what, at, episode
        self.value = NAMES[value] if value in NAMES else float(value)
        self.is_bad = BadEnv.made == row
        BadEnv.made += 1
        self.episode = self.env_step = 0

    def give(self, what: str, usual: Any) -> Any:
        """Returns the bad value where it is due, and `usual` everywhere else."""
        if not self.is_bad or (what, self.env_step, self.episode) != self.bad:
            return usual
        return self.value if what == "reward" or self.value is None else np.array([0.0, self.value], np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins the next episode."""
        super().reset(seed=seed, options=options)
        self.episode, self.env_step = self.episode + 1, 0
        return self.give("observation", np.zeros(2, np.float32)), {}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Takes one step."""
        self.env_step += 1
        return self.give("observation", np.zeros(2, np.float32)), self.give("reward", 1.0), self.env_step == LENGTH, False, {}
