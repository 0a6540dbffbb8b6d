"""The metered form of a single environment; `arena.environments.metering` says how a run's env steps and episodes are counted."""

import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from arena.environments.metering import Meter
from arena.environments.values import FLOAT32_MAX, MissingValue, ValueWatch, value_name


class MeteredEnv(gym.Wrapper[Any, Any, Any, Any]):
    """A single environment that counts what happens in it; arguments as for `MeteredVectorEnv`."""

    def __init__(
        self,
        env: gym.Env[Any, Any],
        meter: Meter,
        next_seed: Callable[[], int],
        remake: Callable[[], gym.Env[Any, Any]] | None = None,
    ) -> None:
        super().__init__(env)
        self._remake, self._is_released = remake, False
        self.meter = meter
        self.must_reset = True
        """True until the next `reset`; stepping is refused while it holds."""
        self._next_seed = next_seed
        self._return, self._length, self._ended = 0.0, 0, True
        self._metrics: dict[str, float] = {}  # last values in the running episode
        self._watch = ValueWatch(env.observation_space, 1)

    def cut_episodes(self) -> None:
        """Ends the running episode without counting it; the agent must reset before it steps again."""
        if not self._ended and self._length:
            self.meter._num_cut_episodes += 1
        self.must_reset, self._ended = True, True

    def release(self) -> None:
        """Ends the running episode and closes the environment, which the next `reset` makes again; another of its kind can then exist."""
        self.cut_episodes()
        if self._remake is not None and not self._is_released:
            self.env.close()
            self._is_released = True

    def close(self) -> None:
        """Closes the environment."""
        if not self._is_released:
            self.env.close()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Resets: with the arena's seed at the beginning and after a cut, without one otherwise."""
        del seed
        arena_seed = self._next_seed() if self.must_reset else None
        self.cut_episodes()
        start = time.perf_counter()
        if self._is_released and self._remake is not None:
            self.env, self._is_released = self._remake(), False
        try:
            result = self.env.reset(seed=arena_seed, options=options)
        except MissingValue as found:
            raise self.meter._fault(found, 0, None, 1) from None
        self.meter.env_seconds += time.perf_counter() - start
        self._look(result[0], 0)
        self._return, self._length, self._ended, self.must_reset = 0.0, 0, False, False
        self._metrics.clear()
        return result

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Steps the environment; raises as `MeteredVectorEnv.step`, a fault in the step that has it."""
        self.meter._left(1)
        if self.must_reset or self._ended:
            raise RuntimeError("step() called on an environment that waits for its reset(); see must_reset")
        start = time.perf_counter()
        try:
            result = self.env.step(action)
        except MissingValue as found:
            raise self.meter._fault(found, self._length + 1, None, 1) from None
        self.meter.env_seconds += time.perf_counter() - start
        reward = float("nan") if result[1] is None else float(result[1])
        if not abs(reward) <= FLOAT32_MAX:
            name = "None" if result[1] is None else value_name(reward)
            raise self.meter._fault(MissingValue(name, "reward", 0), self._length + 1, None, 1)
        self._look(result[0], self._length + 1)
        self.meter._env_steps += 1
        self._return += reward
        self._length += 1
        for name in self.meter.info_metrics:
            if name in result[4]:
                self._metrics[name] = float(result[4][name])
        if result[2] or result[3]:
            self._ended = True
            metrics = [self._metrics.get(name, np.nan) for name in self.meter.info_metrics]
            record = (self.meter._env_steps, self._return, self._length, bool(result[2]), metrics)
            self.meter._finish(*(np.array([value]) for value in record))
        return result

    def _look(self, observation: Any, env_step: int) -> None:
        found, num_outside = self._watch.look_at_once(np.asarray(observation)[None])
        self.meter._add_outside(num_outside, self.observation_space)
        if found is not None:
            raise self.meter._fault(found, env_step, None, 1)
