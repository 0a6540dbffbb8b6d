"""Counts env steps, episodes, returns and env time at the environment's edge, once, for all frameworks.

The environment measures, so that no agent can misreport (the idea is bsuite's, Osband et al., 2020, arXiv:1908.03568,
`bsuite/utils/wrappers.py`). Counts are exact under every Gymnasium autoreset mode: a step that only resets an environment
(`NEXT_STEP`) is not an env step, and a sub-environment that waits for its reset (`DISABLED`) must be reset before it steps.
"""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from arena.errors import BudgetExhausted

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Episode:
    """One finished training episode."""

    env_steps: int
    """Env steps of the whole run when it ended."""
    episode_return: float
    """Undiscounted sum of rewards."""
    episode_length: int
    """Env steps of this episode."""
    terminated: bool
    """True if the environment ended it, False if a time limit cut it."""


@dataclasses.dataclass(slots=True)
class Meter:
    """The counts of one run, shared by all environments that its factory made."""

    max_env_steps: int | None = None
    """The budget; None for no limit."""
    env_steps: int = 0
    """Transitions taken, reset-only steps left out."""
    env_seconds: float = 0.0
    """Wall seconds inside the environments' `step` and `reset`."""
    num_episodes: int = 0
    """Finished episodes."""
    num_cut_episodes: int = 0
    """Episodes cut by a reset that the arena asked for; they are in no statistic."""
    _finished: list[tuple[int, Array, Array, Array]] = dataclasses.field(default_factory=list, repr=False)
    # Env steps, returns, lengths and terminated of the episodes that one vector step ended: arrays, since one object for each
    # episode would cost more than the rest of the metering.

    @property
    def episodes(self) -> list[Episode]:
        """Finished episodes since the last `take_episodes`, in order of their end."""
        return [
            Episode(env_steps, *row)
            for env_steps, *columns in self._finished
            for row in zip(*(column.tolist() for column in columns), strict=True)
        ]

    def take_episodes(self) -> list[Episode]:
        """Returns the episodes finished since the last call and forgets them."""
        episodes = self.episodes
        self._finished = []
        return episodes

    def _charge(self, num_env_steps: int) -> None:
        if self.max_env_steps is not None and self.env_steps + num_env_steps > self.max_env_steps:
            raise BudgetExhausted(f"{self.env_steps} of {self.max_env_steps} env steps taken, the next step needs {num_env_steps}")

    def _finish(self, returns: Array, lengths: Array, terminated: Array) -> None:
        self.num_episodes += len(lengths)
        self._finished.append((self.env_steps, returns, lengths, terminated))


class MeteredVectorEnv(gym.vector.VectorWrapper):
    """A vector environment that counts what happens in it.

    Args:
        env: the environment, in any autoreset mode that its metadata names.
        meter: takes the counts; several environments may share one.
        next_seed: gives the seed for every reset of all sub-environments, so that the arena decides them, not the agent.
    """

    def __init__(self, env: gym.vector.VectorEnv[Any, Any, Any], meter: Meter, next_seed: Callable[[], int]) -> None:
        super().__init__(env)
        self.meter = meter
        self.must_reset = True
        """True until the next `reset`; stepping is refused while it holds."""
        self.autoreset_mode = AutoresetMode(env.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP))
        self._next_seed = next_seed
        self._vector_steps = 0
        self._returns = np.zeros(env.num_envs)  # [N]
        self._first_steps = np.zeros(env.num_envs, np.int64)  # [N] vector steps taken when each episode began
        self._waiting = np.zeros(0, np.int64)  # indices of those that ended and are not yet reset
        self._num_next = env.num_envs

    @property
    def num_next_env_steps(self) -> int:
        """The env steps that the next `step` will count: sub-environments that are only reset by it are left out."""
        return self._num_next

    def cut_episodes(self) -> None:
        """Ends all running episodes without counting them; the agent must reset before it steps again."""
        if not self.must_reset:
            self.meter.num_cut_episodes += self._num_running()
        self.must_reset = True

    def _num_running(self, mask: Array | None = None) -> int:
        running = self._vector_steps > self._first_steps  # an episode that ended, and one without a step, begins at a later step
        return int(np.count_nonzero(running if mask is None else running & mask))

    def reset(  # type: ignore[override]  # Gymnasium's own environments take None among the seeds; its wrapper's annotation does not
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Resets all sub-environments, with the arena's seed at the beginning and after a cut; or those in `options["reset_mask"]`."""
        del seed
        mask = None if options is None else options.get("reset_mask")
        if mask is not None and self.autoreset_mode is not AutoresetMode.DISABLED:
            raise ValueError(f"reset_mask needs AutoresetMode.DISABLED; here it is {self.autoreset_mode}")  # others may ignore it
        start = time.perf_counter()
        if mask is None or self.must_reset:
            arena_seed = self._next_seed() if self.must_reset else None
            self.cut_episodes()
            options = {key: value for key, value in (options or {}).items() if key != "reset_mask"} or None
            result = self.env.reset(seed=arena_seed, options=options)
            mask = np.ones(self.num_envs, np.bool_)
        else:
            self.meter.num_cut_episodes += self._num_running(mask)
            result = self.env.reset(options=options)
        self.meter.env_seconds += time.perf_counter() - start
        self._returns[mask] = 0.0
        self._first_steps[mask] = self._vector_steps
        self._waiting = self._waiting[~mask[self._waiting]]
        self._num_next = self.num_envs - len(self._waiting)
        self.must_reset = False
        return result

    def step(self, actions: Any) -> tuple[Any, Array, Array, Array, dict[str, Any]]:  # type: ignore[override]  # its types are unbound
        """Steps all sub-environments.

        Raises:
            BudgetExhausted: before the step, if it would overrun the run's env steps.
        """
        meter, waiting = self.meter, self._waiting
        meter._charge(self._num_next)
        if self.must_reset or (len(waiting) and self.autoreset_mode is AutoresetMode.DISABLED):
            raise RuntimeError("step() called on an environment that waits for its reset(); see must_reset and AutoresetMode.DISABLED")
        start = time.perf_counter()
        result = self.env.step(actions)
        meter.env_seconds += time.perf_counter() - start
        meter.env_steps += self._num_next
        self._vector_steps += 1
        self._returns += result[1]
        ended = np.logical_or(result[2], result[3])
        if len(waiting):  # NEXT_STEP: this step only reset them
            self._returns[waiting] = 0.0
            ended[waiting] = False
            self._waiting, self._num_next = waiting[:0], len(ended)
        if np.count_nonzero(ended):  # four times quicker than any()
            self._finish(ended.nonzero()[0], result[2])
        return result

    def _finish(self, indices: Array, terminated: Array) -> None:
        lengths = self._vector_steps - self._first_steps[indices]
        self.meter._finish(self._returns[indices], lengths, terminated[indices])
        if self.autoreset_mode is AutoresetMode.NEXT_STEP:
            self._first_steps[indices] = self._vector_steps + 1
        else:
            self._first_steps[indices] = self._vector_steps
            self._returns[indices] = 0.0
        if self.autoreset_mode is not AutoresetMode.SAME_STEP:
            self._waiting, self._num_next = indices, self._num_next - len(indices)


class MeteredEnv(gym.Wrapper[Any, Any, Any, Any]):
    """A single environment that counts what happens in it; arguments as for `MeteredVectorEnv`."""

    def __init__(self, env: gym.Env[Any, Any], meter: Meter, next_seed: Callable[[], int]) -> None:
        super().__init__(env)
        self.meter = meter
        self.must_reset = True
        """True until the next `reset`; stepping is refused while it holds."""
        self._next_seed = next_seed
        self._seed: int | None = None
        self._return, self._length, self._ended = 0.0, 0, True

    def cut_episodes(self) -> None:
        """Ends the running episode without counting it; the agent must reset before it steps again."""
        if not self._ended and self._length:
            self.meter.num_cut_episodes += 1
        self.must_reset, self._ended = True, True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Resets: with the arena's seed at the beginning and after a cut, without one otherwise."""
        del seed
        arena_seed = self._next_seed() if self.must_reset else None
        self.cut_episodes()
        start = time.perf_counter()
        result = self.env.reset(seed=arena_seed, options=options)
        self.meter.env_seconds += time.perf_counter() - start
        self._return, self._length, self._ended, self.must_reset = 0.0, 0, False, False
        return result

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Steps the environment; raises as `MeteredVectorEnv.step`."""
        self.meter._charge(1)
        if self.must_reset or self._ended:
            raise RuntimeError("step() called on an environment that waits for its reset(); see must_reset")
        start = time.perf_counter()
        result = self.env.step(action)
        self.meter.env_seconds += time.perf_counter() - start
        self.meter.env_steps += 1
        self._return += float(result[1])
        self._length += 1
        if result[2] or result[3]:
            self._ended = True
            self.meter._finish(np.array([self._return]), np.array([self._length]), np.array([bool(result[2])]))
        return result
