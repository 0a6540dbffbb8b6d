"""An environment that troubles its worker, for the tests of supervision; `troublesome_env:Trouble-v0` registers it."""

import subprocess
import sys
import threading
import time
from typing import Any

import gymnasium as gym
import numpy as np

LENGTH = 5
"""Env steps of every episode."""
FOREVER = 10**6
"""Seconds that outlast every test."""


class TroublesomeEnv(gym.Env[Any, Any]):
    """Environment of episodes of `LENGTH` steps and rewards of 1.

    Args:
        trouble: `step` or `reset` never returns, `memory` asks for more than there is, `thread` starts a thread that never ends, `child` a
            process in a session of its own, `slow` takes a hundredth of a second for each step.
        after: env steps of this environment before the trouble.
        first: number of the first environment of the process that makes trouble, from 0; evaluations make theirs after those of training.
    """

    made = 0

    def __init__(self, trouble: str = "none", after: int = 0, first: int = 0) -> None:
        self.observation_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.trouble, self.after = trouble if TroublesomeEnv.made >= first else "none", after
        TroublesomeEnv.made += 1
        self.env_steps = self.length = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins the next episode."""
        super().reset(seed=seed, options=options)
        self.length = 0
        if self.env_steps >= self.after:
            self._make_trouble("reset")
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Takes one step."""
        if self.env_steps == self.after:
            self._make_trouble("step", "memory", "thread", "child")
        if self.trouble == "slow":
            time.sleep(0.01)
        self.env_steps, self.length = self.env_steps + 1, self.length + 1
        return np.zeros(2, np.float32), 1.0, self.length == LENGTH, False, {}

    def _make_trouble(self, *kinds: str) -> None:
        if self.trouble not in kinds:
            return
        if self.trouble in ("step", "reset"):
            time.sleep(FOREVER)
        if self.trouble == "memory":
            np.empty(2**58)
        if self.trouble == "thread":
            threading.Thread(target=time.sleep, args=(FOREVER,), name="endless").start()
        if self.trouble == "child":
            subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({FOREVER})"], start_new_session=True)


gym.register("Trouble-v0", TroublesomeEnv)
