"""FrozenLake, Taxi and CliffWalking as look-ups in the table of transitions of the environment that was made (`env.unwrapped.P`).

An outcome is found as `gymnasium.envs.toy_text.utils.categorical_sample` finds it: the first whose cumulative probability exceeds a random
number, and the first of all if none does.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from arena_envs.arrays.array_vector_env import ArrayVectorEnv

Array = npt.NDArray[Any]

_BLOCK = 64
"""Number of random numbers that are drawn from a generator at once; they are the same as those of as many single draws."""


class TableEnvs(ArrayVectorEnv):
    """N environments with the table and the initial states of one that was made; observations are one-hot.

    Args:
        env: Gymnasium's environment, without wrappers.
        *arguments: Arguments of `ArrayVectorEnv`.
    """

    def __init__(self, env: Any, *arguments: Any) -> None:
        super().__init__(*arguments)
        num_states, num_actions = int(env.observation_space.n), int(env.action_space.n)
        outcomes = [env.P[state][action] for state in range(num_states) for action in range(num_actions)]
        width = max(map(len, outcomes))
        self._num_actions = num_actions
        self._cumulated = np.full((len(outcomes), width), -1.0)  # no random number lies below -1, where there is no outcome
        self._next = np.zeros((len(outcomes), width), np.int64)
        self._rewards = np.zeros((len(outcomes), width))
        self._terminated = np.zeros((len(outcomes), width), np.bool_)
        for row, given in enumerate(outcomes):
            probabilities, following, rewards, terminated = zip(*given, strict=True)
            self._cumulated[row, : len(given)] = np.cumsum(np.asarray(probabilities))
            self._next[row, : len(given)], self._rewards[row, : len(given)] = following, rewards
            self._terminated[row, : len(given)] = terminated
        self._initial = np.cumsum(env.initial_state_distrib)
        self._one_hot = np.eye(num_states, dtype=np.float32)
        self.states = np.zeros(self.num_envs, np.int64)
        """State of each environment."""
        self._all = np.arange(self.num_envs)
        self._drawn = np.zeros((self.num_envs, _BLOCK))
        self._num_used = np.full(self.num_envs, _BLOCK)
        self._num_sure = 0  # steps before the first environment has used its block

    def forget_draws(self, index: int) -> None:
        """Forgets random numbers that were drawn in advance: the environment's generator is a new one."""
        self._num_used[index] = _BLOCK
        self._num_sure = 0

    def begin(self, which: Array) -> Array:
        """Draws initial states."""
        draws = self.draw(which)
        self.states[which] = (self._initial > draws[:, None]).argmax(1)
        return self._one_hot[self.states[which]]

    def move(self, actions: Array) -> tuple[Array, Array, Array]:
        """Takes actions by their numbers."""
        rows = self.states * self._num_actions + self.checked(actions)
        draws = self.draw(self._all)
        outcomes = (self._cumulated[rows] > draws[:, None]).argmax(1)
        self.states = self._next[rows, outcomes]
        rewards, terminated = self._rewards[rows, outcomes], self._terminated[rows, outcomes]
        return self._one_hot[self.states], rewards, terminated

    def draw(self, which: Array) -> Array:
        """Returns the next random number of each environment in `which`."""
        if not self._num_sure:
            for index in np.flatnonzero(self._num_used == _BLOCK).tolist():
                self._drawn[index] = self.rng(index).random(_BLOCK)
                self._num_used[index] = 0
            self._num_sure = _BLOCK - int(self._num_used.max())
        self._num_sure -= 1
        used = self._num_used[which]
        self._num_used[which] = used + 1
        return np.asarray(self._drawn[which, used])


class Taxis(TableEnvs):
    """N taxis, also with passengers who change their minds.

    Args:
        env: Gymnasium's environment, without wrappers.
        *arguments: Arguments of `ArrayVectorEnv`.
    """

    def __init__(self, env: Any, *arguments: Any) -> None:
        super().__init__(env, *arguments)
        self._is_fickle, self._num_places = bool(env.fickle_passenger), len(env.locs)
        self._may_change = np.zeros(self.num_envs, np.bool_)

    def begin(self, which: Array) -> Array:
        """Draws initial states, and which passengers will change their minds."""
        observations = super().begin(which)
        if self._is_fickle:
            self._may_change[which] = self.draw(which) < 0.3
        return observations

    def move(self, actions: Array) -> tuple[Array, Array, Array]:
        """Takes actions by their numbers."""
        before = self.states
        observations, rewards, terminated = super().move(actions)
        if not self._is_fickle:
            return observations, rewards, terminated
        riding, moved = before // 4 % 5 == 4, before // 20 != self.states // 20
        for index in np.flatnonzero(self._may_change & riding & moved).tolist():
            self._may_change[index] = False
            place = int(before[index]) % 4
            self.states[index] += int(self.rng(index).choice([each for each in range(self._num_places) if each != place])) - place
            observations[index] = self._one_hot[self.states[index]]
        return observations, rewards, terminated

    def draw(self, which: Array) -> Array:
        """Returns the next random number of each environment in `which`; where whole numbers are drawn as well, one at a time."""
        if not self._is_fickle:
            return super().draw(which)
        return np.array([self.rng(index).random() for index in which.tolist()])
