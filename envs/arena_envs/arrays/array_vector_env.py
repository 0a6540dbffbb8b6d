"""N environments of one kind whose states stand in arrays: what all environments of `arena_envs.arrays` share.

Seeds, random draws, time limit and autoreset are those of Gymnasium's `SyncVectorEnv` in the mode `SAME_STEP`: each environment has a
generator of its own, seeded as `gymnasium.Env.reset` does it, and draws from it exactly what the single environment draws.
"""

import abc
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

Array = npt.NDArray[Any]


class ArrayVectorEnv(VectorEnv[Array, Array, Array], abc.ABC):
    """Steps N environments at once. A subclass holds their states, and says how they begin and move.

    Args:
        num_envs: N.
        observation_space: Space of one environment, in the arena's form.
        action_space: Space of one environment, in the arena's form.
        time_limit: Env steps after which an episode is truncated; None for no limit.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
    equals_single_envs = True
    """Whether environment i does, to the last bit, what the single environment does that is reset with entry i of the seeds."""
    min_envs = 1
    """Number of environments below which Gymnasium's single ones are faster."""

    def __init__(self, num_envs: int, observation_space: gym.Space[Any], action_space: gym.Space[Any], time_limit: int | None) -> None:
        self.num_envs = num_envs
        self.single_observation_space, self.single_action_space = observation_space, action_space
        self.observation_space = batch_space(observation_space, num_envs)
        self.action_space = batch_space(action_space, num_envs)
        self.time_limit = time_limit
        """Env steps after which an episode is truncated; None for no limit."""
        self.rngs: list[np.random.Generator | None] = [None] * num_envs
        """Random numbers of each environment; None before its first reset."""
        self._begun_at = np.zeros(num_envs, np.int64)  # [N] vector steps taken when each episode began
        self._taken = 0  # vector steps
        self._next_truncation = 0  # vector steps at which the oldest episode reaches the limit

    @abc.abstractmethod
    def begin(self, which: Array) -> Array:
        """Draws initial states for the environments of the indices `which` `[M]`; returns their observations `[M, *obs]`."""

    @abc.abstractmethod
    def move(self, actions: Array) -> tuple[Array, Array, Array]:
        """Takes `actions` `[N, *act]`; returns observations `[N, *obs]` as a new array, rewards `float64 [N]`, terminated `bool [N]`."""

    def rng(self, index: int) -> np.random.Generator:
        """Returns the generator of an environment that was reset."""
        rng = self.rngs[index]
        assert rng is not None
        return rng

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Begins N episodes; environment i is seeded with `seed + i`, or with entry i of a list.

        Raises:
            ValueError: if there are options, which the environments' own `reset` alone knows.
        """
        if options:
            raise ValueError(f"options={options}: environments that are stepped as arrays take none")
        seeds: Sequence[int | None] = [None] * self.num_envs
        if seed is not None:
            seeds = seed if isinstance(seed, Sequence) else range(seed, seed + self.num_envs)
        for index, each in enumerate(seeds):
            if each is not None or self.rngs[index] is None:
                self.rngs[index], _ = np_random(each)
                self.forget_draws(index)
        self._begun_at[:] = self._taken
        self._find_next_truncation()
        return self.begin(np.arange(self.num_envs)), {}

    def forget_draws(self, index: int) -> None:  # most subclasses keep none
        """Forgets random numbers that a subclass has drawn in advance: the environment's generator is a new one."""

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """Takes `actions` `[N, *act]`; an episode that ends is followed by the next one, and `info["final_obs"]` has its last observation.

        Raises:
            ValueError: if an action is not in the action space.
        """
        observations, rewards, terminated = self.move(actions)
        self._taken += 1
        ended = terminated
        if self._taken == self._next_truncation:
            assert self.time_limit is not None
            truncated = np.asarray(self._begun_at == self._taken - self.time_limit)
            ended = terminated | truncated
        else:
            truncated = np.zeros(self.num_envs, np.bool_)
        if not np.count_nonzero(ended):
            return observations, rewards, terminated, truncated, {}
        which = np.flatnonzero(ended)
        final, observations = observations, observations.copy()
        self._begun_at[which] = self._taken
        self._find_next_truncation()
        observations[which] = self.begin(which)
        return observations, rewards, terminated, truncated, {"final_obs": final, "_final_obs": ended}

    def _find_next_truncation(self) -> None:
        self._next_truncation = -1 if self.time_limit is None else int(self._begun_at.min()) + self.time_limit

    def checked(self, actions: Array) -> Array:
        """Returns discrete actions `[N]`; refuses those that are not there."""
        space = self.single_action_space
        assert isinstance(space, gym.spaces.Discrete)
        actions = np.asarray(actions)
        if np.count_nonzero(actions.astype(np.uint64) < int(space.n)) != self.num_envs:  # a negative number becomes a large one
            raise ValueError(f"actions {actions} are not all in {space}")
        return actions
