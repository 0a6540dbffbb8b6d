"""Counts env steps, episodes, returns and env time at the environment's edge, once, for all frameworks.

The environment measures, so that no agent can misreport (the idea is bsuite's, Osband et al., 2020, arXiv:1908.03568,
`bsuite/utils/wrappers.py`). Counts are exact under every Gymnasium autoreset mode: a step that only resets an environment
(`NEXT_STEP`) is not an env step, and a sub-environment that waits for its reset (`DISABLED`) must be reset before it steps.

A step writes down observations, rewards and flags and no more; the accounts are settled for many steps at once, when they are read, when
the log is full, or when the budget is near. `scripts/benchmarks/metering.py` measures what that costs. Values that no environment may give
are found at the same time (`arena.environments.values`): the accounts end before the step that gave one.
"""

import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from arena.environments.autoreset import only_reset_steps
from arena.environments.counts import Episode, EpisodeColumns, MeterCounts
from arena.environments.episode_metrics import EpisodeMetrics
from arena.environments.values import MAX_ROWS, BadValue, MissingValue, ValueWatch, environment_fault
from arena.errors import BudgetExhausted, EnvironmentFault

Array = npt.NDArray[Any]

LOG_LENGTH = MAX_ROWS
"""Largest number of vector steps between two settlements of the accounts."""


class Meter:
    """The counts of one run, shared by all environments that its factory made.

    Args:
        max_env_steps: Budget of env steps; None for no limit.
        info_metrics: Keys of `info` whose last value in each episode is kept.
    """

    def __init__(self, max_env_steps: int | None = None, info_metrics: Sequence[str] = ()) -> None:
        self.max_env_steps, self.info_metrics = max_env_steps, tuple(info_metrics)
        self.env_seconds = 0.0
        """Wall seconds inside the environments' `step` and `reset`."""
        self._env_steps = self._num_episodes = self._num_cut_episodes = self._num_outside = 0
        self._vector_envs: list[MeteredVectorEnv] = []
        self._finished: list[tuple[Array, Array, Array, Array, Array]] = []
        # Env steps, returns, lengths, terminated, metrics of episodes: arrays, since an object for each would cost more than all the rest.

    @property
    def env_steps(self) -> int:
        """Transitions taken, reset-only steps left out."""
        self.settle()
        return self._env_steps

    @property
    def num_episodes(self) -> int:
        """Finished episodes."""
        self.settle()
        return self._num_episodes

    @property
    def num_cut_episodes(self) -> int:
        """Episodes cut by a reset that the arena asked for; they are in no statistic."""
        return self._num_cut_episodes

    @property
    def num_outside(self) -> int:
        """Observations that lie outside of their space."""
        self.settle()
        return self._num_outside

    @property
    def episodes(self) -> list[Episode]:
        """Finished episodes since the last `take_episodes`, in order of their end."""
        self.settle()
        return self._columns().episodes()

    def take_episodes(self) -> list[Episode]:
        """Returns the episodes finished since the last call and forgets them."""
        return self.take_episode_columns().episodes()

    def take_episode_columns(self) -> EpisodeColumns:
        """Does what `take_episodes` does, by columns: one array for each field of `Episode`, for thousands of episodes a second."""
        self.settle()
        columns, self._finished = self._columns(), []
        return columns

    def _columns(self) -> EpisodeColumns:
        empty = (np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.bool_), np.zeros((0, len(self.info_metrics))))
        blocks = zip(empty, *self._finished, strict=True)
        env_steps, returns, lengths, terminated, metrics = (np.concatenate(parts) for parts in blocks)
        return EpisodeColumns(env_steps, returns, lengths, terminated, dict(zip(self.info_metrics, metrics.T, strict=True)))

    def counts(self) -> MeterCounts:
        """Returns the counts, for a checkpoint."""
        return MeterCounts(
            env_steps=self.env_steps,
            env_seconds=self.env_seconds,
            num_episodes=self.num_episodes,
            num_cut_episodes=self.num_cut_episodes,
            num_outside=self.num_outside,
        )

    def restore(self, counts: MeterCounts) -> None:
        """Takes over the counts of a checkpoint."""
        self._env_steps, self._num_episodes, self._num_cut_episodes = counts.env_steps, counts.num_episodes, counts.num_cut_episodes
        self.env_seconds, self._num_outside = counts.env_seconds, counts.num_outside

    def glance(self) -> tuple[int, float]:
        """Returns env steps and env seconds without settling the accounts: another thread than the run's own may ask, at any moment."""
        return self._env_steps + sum(env._num_logged() for env in self._vector_envs), self.env_seconds

    def settle(self) -> None:
        """Brings the accounts up to date.

        Raises:
            EnvironmentFault: if an environment has given NaN, infinity or None since the last time; the counts end before that step.
        """
        for env in self._vector_envs:
            env._settle()

    def _left(self, num_env_steps: int) -> int:
        """Returns the env steps that are left after the next `num_env_steps`; refuses those that would overrun the budget."""
        if self.max_env_steps is None:
            return LOG_LENGTH * num_env_steps
        left = self.max_env_steps - self.env_steps - num_env_steps
        if left < 0:
            raise BudgetExhausted(f"{self._env_steps} of {self.max_env_steps} env steps taken, the next step needs {num_env_steps}")
        return left

    def _add_outside(self, count: int, space: gym.Space[Any]) -> None:
        if count and not self._num_outside:
            warnings.warn(
                f"the environment gave an observation outside of its space, {space}; such observations are counted "
                "(`num_outside_observations` in result.json), and this is the only warning",
                stacklevel=2,
            )
        self._num_outside += count

    def _fault(self, found: BadValue | MissingValue, env_step: int, env: int | None, num_envs: int, *, later: int = 0) -> EnvironmentFault:
        episode = self._num_episodes + self._num_cut_episodes + 1 + later
        which = f" (environment {env + 1} of {num_envs})" if env is not None and num_envs > 1 else ""
        return environment_fault(found.value, found.what, env_step=env_step, place=f"episode {episode}{which}")

    def _finish(self, env_steps: Array, returns: Array, lengths: Array, terminated: Array, metrics: Array | None) -> None:
        self._num_episodes += len(lengths)
        metrics = np.full((len(lengths), len(self.info_metrics)), np.nan) if metrics is None else metrics
        self._finished.append((env_steps, returns, lengths, terminated, metrics))


class MeteredVectorEnv(gym.vector.VectorWrapper):
    """A vector environment that counts what happens in it.

    Args:
        env: Environment to count in, in any autoreset mode that its metadata names.
        meter: Takes the counts; several environments may share one.
        next_seed: Returns the seed for every reset of all sub-environments, so that the arena decides them, not the agent.
        remake: Makes `env` again after a `release`; None if it cannot be released.
    """

    def __init__(
        self,
        env: gym.vector.VectorEnv[Any, Any, Any],
        meter: Meter,
        next_seed: Callable[[], int],
        remake: Callable[[], gym.vector.VectorEnv[Any, Any, Any]] | None = None,
    ) -> None:
        super().__init__(env)
        self._remake, self._is_released = remake, False
        self.meter = meter
        self.must_reset = True
        """True until the next `reset`; stepping is refused while it holds."""
        self.autoreset_mode = AutoresetMode(env.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP))
        self._next_seed = next_seed
        num_envs = env.num_envs
        self._watch = ValueWatch(env.single_observation_space, num_envs)
        self._metrics = EpisodeMetrics(meter.info_metrics, num_envs, LOG_LENGTH, self.autoreset_mode) if meter.info_metrics else None
        self._rewards = np.zeros((LOG_LENGTH, num_envs))  # the log: what the last steps returned
        self._terminated = np.zeros((LOG_LENGTH, num_envs), np.bool_)
        self._truncated = np.zeros((LOG_LENGTH, num_envs), np.bool_)
        self._row = 0  # of the log, where the next step writes
        self._free = 0  # steps that need no check before them
        self._vector_steps = 0  # settled ones
        self._returns = np.zeros(num_envs)  # [N], of running episodes
        self._first_steps = np.zeros(num_envs, np.int64)  # [N] vector steps taken when each episode began
        self._waiting = np.zeros(num_envs, np.bool_)  # [N] ended, and not yet reset
        meter.settle()
        meter._vector_envs.append(self)
        for other in meter._vector_envs:
            other._free = 0

    @property
    def num_next_env_steps(self) -> int:
        """The env steps that the next `step` will count: sub-environments that are only reset by it are left out."""
        self._settle()
        return self.num_envs - int(np.count_nonzero(self._waiting))

    def cut_episodes(self) -> None:
        """Ends all running episodes without counting them; the agent must reset before it steps again."""
        self._settle()
        if not self.must_reset:
            self.meter._num_cut_episodes += self._num_running()
        self.must_reset, self._free = True, 0

    def release(self) -> None:
        """Ends all running episodes and closes the environments, so that others can exist; the next `reset` makes them again."""
        self.cut_episodes()
        if self._remake is not None and not self._is_released:
            self.env.close()
            self._is_released = True

    def close(self, **kwargs: Any) -> None:
        """Closes the environments."""
        if not self._is_released:
            self.env.close(**kwargs)

    def _num_running(self, mask: Array | None = None) -> int:
        running = self._vector_steps > self._first_steps  # an episode that ended, and one without a step, begins at a later step
        return int(np.count_nonzero(running if mask is None else running & mask))

    def reset(  # type: ignore[override]  # Gymnasium's own environments take None among the seeds; its wrapper's annotation does not
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Resets all sub-environments, with the arena's seed at the beginning and after a cut; or those in `options["reset_mask"]`."""
        del seed
        self._settle()
        mask = None if options is None else options.get("reset_mask")
        if mask is not None and self.autoreset_mode is not AutoresetMode.DISABLED:
            raise ValueError(f"reset_mask needs AutoresetMode.DISABLED; here it is {self.autoreset_mode}")  # others may ignore it
        start = time.perf_counter()
        if self._is_released and self._remake is not None:
            self.env, self._is_released = self._remake(), False
        if mask is None or self.must_reset:
            arena_seed = self._next_seed() if self.must_reset else None
            self.cut_episodes()
            options = {key: value for key, value in (options or {}).items() if key != "reset_mask"} or None
            result = self._reset(seed=arena_seed, options=options)
            mask = np.ones(self.num_envs, np.bool_)
        else:
            self.meter._num_cut_episodes += self._num_running(mask)
            result = self._reset(options=options)
        self.meter.env_seconds += time.perf_counter() - start
        self._returns[mask] = 0.0
        self._first_steps[mask] = self._vector_steps
        self._waiting &= ~mask
        if self._metrics is not None:
            self._metrics.forget(mask)
        self.must_reset, self._free = False, 0
        found, num_outside = self._watch.look_at_once(result[0][mask])
        self.meter._add_outside(num_outside, self.single_observation_space)
        if found is not None:
            raise self.meter._fault(found, 0, int(np.flatnonzero(mask)[found.env]), self.num_envs)
        return result

    def _reset(self, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        try:
            return self.env.reset(**arguments)
        except MissingValue as found:
            raise self.meter._fault(found, 0, None, self.num_envs) from None

    def step(self, actions: Any) -> tuple[Any, Array, Array, Array, dict[str, Any]]:  # type: ignore[override]  # its types are unbound
        """Steps all sub-environments.

        Raises:
            BudgetExhausted: before the step, if it would overrun the run's env steps.
            EnvironmentFault: if this step or one of the last steps gave NaN, infinity or None.
        """
        if not self._free:
            self._free = self._check()
        self._free -= 1
        start = time.perf_counter()
        try:
            result = self.env.step(actions)
        except MissingValue as found:
            self._settle()
            is_next = not found.env_step and self.autoreset_mode is AutoresetMode.SAME_STEP  # an episode has ended in this very step
            raise self.meter._fault(found, found.env_step, None, self.num_envs, later=int(is_next)) from None
        self.meter.env_seconds += time.perf_counter() - start
        row = self._row
        self._watch.note(row, result[0], result[4])
        self._rewards[row], self._terminated[row], self._truncated[row] = result[1], result[2], result[3]
        if self._metrics is not None:
            self._metrics.note(row, result[4], self._terminated[row] | self._truncated[row])
        self._row = row + 1
        return result

    def begin_block(self, num_steps: int) -> bool:
        """Returns whether the log will hold the next vector steps, for `block` to read; whoever takes them reads no accounts in between."""
        if self._watch.noted is None or num_steps > self._watch.num_rows or self.must_reset:
            return False
        if self._free < num_steps:
            try:
                self._free = self._check()
            except BudgetExhausted:
                return False  # the next step says so
        return self._free >= num_steps

    def block(self, num_steps: int) -> tuple[Array, Array, Array, Array]:
        """Returns observations, rewards, terminated and truncated `[T, N, ...]` of the last steps, in views that later steps overwrite."""
        rows, noted = slice(self._row - num_steps, self._row), self._watch.noted
        if noted is None or self._row < num_steps:
            raise RuntimeError(f"accounts were read within a block of {num_steps} vector steps, which empties the log that it is read from")
        return noted[rows], self._rewards[rows], self._terminated[rows], self._truncated[rows]

    def _check(self) -> int:
        """Refuses a step that may not be taken; returns how many can be taken before the next check."""
        self._settle()
        num_next = self.num_next_env_steps
        left = self.meter._left(num_next)
        if self.must_reset or (num_next < self.num_envs and self.autoreset_mode is AutoresetMode.DISABLED):
            raise RuntimeError("step() called on an environment that waits for its reset(); see must_reset and AutoresetMode.DISABLED")
        if self.autoreset_mode is AutoresetMode.DISABLED or len(self.meter._vector_envs) > 1:
            return 1  # the next step depends on how this one ends, or on what another environment does
        return min(self._watch.num_rows, 1 + left // self.num_envs)

    def _num_logged(self) -> int:
        """Returns the env steps in the log."""
        rows = self._row
        count = rows * self.num_envs
        if rows and self.autoreset_mode is AutoresetMode.NEXT_STEP:
            ended = self._terminated[: rows - 1] | self._truncated[: rows - 1]
            count -= int(np.count_nonzero(self._waiting) + np.count_nonzero(ended))  # those that are only reset
        return count

    def _settle(self, *, observed: bool = True) -> None:
        """Moves the log into the accounts, up to the first step that gave a bad value, which is then raised."""
        count, self._row = self._row, 0
        if not count:
            return
        rewards, terminated = self._rewards[:count], self._terminated[:count]
        ended = terminated | self._truncated[:count]  # [K, N]
        only_reset = None
        if self.autoreset_mode is AutoresetMode.NEXT_STEP:
            only_reset = only_reset_steps(ended, self._waiting)  # clears the end flags of such steps as well
            np.copyto(rewards, 0.0, where=only_reset)
        found, num_outside = self._watch.look(rewards, observed=observed)
        self.meter._add_outside(num_outside, self.single_observation_space)
        if found is None:
            self._account(rewards, terminated, ended, only_reset)
            return
        is_next = (  # the observation of a reset, given together with the last of the episode before
            self.autoreset_mode is AutoresetMode.SAME_STEP
            and found.what == "observation"
            and not found.is_final
            and bool(ended[found.row, found.env])
        )
        rows = slice(found.row + int(is_next and bool(np.isfinite(rewards[found.row]).all())))
        self._account(rewards[rows], terminated[rows], ended[rows], None if only_reset is None else only_reset[rows])
        self._free = 0
        env_step = 0 if is_next else int(self._vector_steps - self._first_steps[found.env]) + 1
        raise self.meter._fault(found, env_step, found.env, self.num_envs)

    def _account(self, rewards: Array, terminated: Array, ended: Array, only_reset: Array | None) -> None:
        """Adds K vector steps `[K, N]` to the accounts."""
        count = len(rewards)
        if not count:
            return
        next_step = only_reset is not None
        env_steps = self.meter._env_steps + self.num_envs * np.arange(1, count + 1)  # [K]
        times, envs = divmod(np.flatnonzero(ended), self.num_envs)  # episode ends, by time; three times faster than nonzero()
        if only_reset is not None:  # an end in one step is a reset in the next
            num_resets = np.bincount(times + 1, minlength=count + 1)[:count]
            num_resets[0] = np.count_nonzero(only_reset[0])
            env_steps -= np.cumsum(num_resets)
        sums = np.cumsum(rewards, axis=0)
        if len(envs):
            self._finish(envs, times, sums, env_steps, terminated, skipped=int(next_step))
        else:
            self._returns += sums[-1]
        self._vector_steps += count
        self.meter._env_steps = int(env_steps[-1])
        if self.autoreset_mode is not AutoresetMode.SAME_STEP:
            self._waiting = ended[-1].copy()

    def _finish(self, envs: Array, times: Array, sums: Array, env_steps: Array, terminated: Array, *, skipped: int) -> None:
        by_env = np.argsort(envs, kind="stable")
        times, envs = times[by_env], envs[by_env]
        is_first = np.ones(len(envs) + 1, np.bool_)
        is_first[1:-1] = envs[1:] != envs[:-1]  # the first end of its environment in this log: the episode began before it
        first, last = is_first[:-1], is_first[1:]
        totals = sums[times, envs]
        returns, lengths = totals.copy(), times.copy()
        returns[1:] -= totals[:-1]
        lengths[1:] -= times[:-1] + skipped
        returns[first] = totals[first] + self._returns[envs[first]]
        lengths[first] = self._vector_steps + times[first] + 1 - self._first_steps[envs[first]]
        self._returns += sums[-1]
        self._returns[envs[last]] = sums[-1][envs[last]] - totals[last]
        self._first_steps[envs[last]] = self._vector_steps + times[last] + 1 + skipped
        by_time = np.argsort(by_env)  # the reverse of the order above
        times, envs = times[by_time], envs[by_time]
        metrics = None if self._metrics is None else self._metrics.at(times, envs)
        self.meter._finish(env_steps[times], returns[by_time], lengths[by_time], terminated[times, envs], metrics)
