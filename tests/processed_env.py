"""An environment that draws at every step, and fails on demand, for tests that step it in another process than their own."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

TROUBLED_STEP = 2
"""Env step of the trouble, from 1."""
EVERY_SEED = -1
"""Value of `seed_of_trouble` that lets every environment make trouble."""
FOREVER = 10**6
"""Seconds that outlast every test."""


class ProcessedEnv(gym.Env[Any, Any]):
    """Environment of random episodes.

    Args:
        trouble: `raise`, `None`, `NaN`, `exit`, `signal`, `hang`, `EOFError` or `MemoryError` in an env step, `unavailable` in the
            constructor of another process than the first, `kill parent` after 150 env steps.
        seed_of_trouble: seed of the first reset of the environment that makes trouble.
        troubled_episode: its episode in which there is trouble, from 1.
        once: file that is made when there is trouble, which then does not come again.
    """

    def __init__(self, trouble: str = "none", seed_of_trouble: int = 0, troubled_episode: int = 2, once: str = "") -> None:
        self.observation_space = gym.spaces.Box(-1.0, 1.0, (3,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.trouble, self.troubled_episode, self.once = trouble, troubled_episode, once
        self.seed_of_trouble, self.is_troubled = seed_of_trouble, False
        self.episode = self.env_step = self.env_steps = 0
        if trouble == "unavailable" and "arena.worker.env_process" in os.fsdecode(Path(f"/proc/{os.getpid()}/cmdline").read_bytes()):
            raise OSError("Address already in use")

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins the next episode."""
        super().reset(seed=seed, options=options)
        self.is_troubled |= self.seed_of_trouble in (seed, EVERY_SEED)
        self.episode, self.env_step = self.episode + 1, 0
        return self._observe(), {}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Takes one step."""
        self.env_step, self.env_steps = self.env_step + 1, self.env_steps + 1
        reward: Any = float(action) * self.np_random.random()
        if self.trouble == "kill parent" and self.env_steps == 50 and not Path(self.once).exists():
            Path(self.once).touch()
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(FOREVER)
        if self.is_troubled and (self.episode, self.env_step) == (self.troubled_episode, TROUBLED_STEP):
            reward = self._trouble(reward)
        return self._observe(), reward, bool(self.np_random.random() < 0.2) and self.env_step > 2, self.env_step == 6, {"is_success": True}

    def _trouble(self, reward: Any) -> Any:
        if self.trouble == "raise":
            raise ValueError("no such place")
        if self.trouble in ("EOFError", "MemoryError"):
            raise {"EOFError": EOFError, "MemoryError": MemoryError}[self.trouble]("the simulator is gone")
        if self.trouble == "exit":
            os._exit(3)
        if self.trouble == "signal":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.trouble == "hang":
            time.sleep(FOREVER)
        return {"None": None, "NaN": float("nan")}.get(self.trouble, reward)

    def _observe(self) -> Any:
        return self.np_random.uniform(-1.0, 1.0, 3).astype(np.float32)


gym.register("Processed-v0", ProcessedEnv)
