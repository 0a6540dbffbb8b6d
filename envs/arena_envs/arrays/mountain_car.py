"""MountainCar-v0 and MountainCarContinuous-v0 as arrays (`gymnasium.envs.classic_control.mountain_car`, `.continuous_mountain_car`)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from arena_envs.arrays.array_vector_env import ArrayVectorEnv

Array = npt.NDArray[Any]


class MountainCars(ArrayVectorEnv):
    """N cars with discrete actions, and the constants of one that was made.

    Args:
        env: Gymnasium's environment, without wrappers.
        *arguments: Arguments of `ArrayVectorEnv`.
    """

    def __init__(self, env: Any, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._constants = env
        self._forces = np.array([(action - 1) * env.force for action in range(3)])
        self._state = np.zeros((2, self.num_envs))  # position, velocity

    def begin(self, which: Array) -> Array:
        """Draws initial states."""
        self._state[0, which] = [self.rng(index).uniform(low=-0.6, high=-0.4) for index in which.tolist()]
        self._state[1, which] = 0.0
        return self._state[:, which].T.astype(np.float32, order="C")

    def move(self, actions: Array) -> tuple[Array, Array, Array]:
        """Takes forces by their indices."""
        env, (position, velocity) = self._constants, self._state
        velocity += self._forces[self.checked(actions)] + np.cos(3 * position) * (-env.gravity)
        np.minimum(np.maximum(velocity, -env.max_speed, out=velocity), env.max_speed, out=velocity)
        position += velocity
        np.minimum(np.maximum(position, env.min_position, out=position), env.max_position, out=position)
        velocity[(position == env.min_position) & (velocity < 0)] = 0.0
        terminated = (position >= env.goal_position) & (velocity >= env.goal_velocity)
        return self._state.T.astype(np.float32, order="C"), np.full(self.num_envs, -1.0), terminated


class ContinuousMountainCars(ArrayVectorEnv):
    """N cars with continuous actions, and the constants of one that was made.

    Gymnasium keeps a car's state in float32, but for the one that `reset` draws, which is float64 until the first step.

    Args:
        env: Gymnasium's environment, without wrappers.
        *arguments: Arguments of `ArrayVectorEnv`.
    """

    def __init__(self, env: Any, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._constants = env
        self._state = np.zeros((2, self.num_envs), np.float32)
        self._first_positions = np.zeros(self.num_envs)  # of episodes without a step
        self._fresh = np.zeros(0, np.int64)  # indices of episodes without a step

    def begin(self, which: Array) -> Array:
        """Draws initial states."""
        self._first_positions[which] = [self.rng(index).uniform(low=-0.6, high=-0.4) for index in which.tolist()]
        self._state[0, which], self._state[1, which], self._fresh = self._first_positions[which], 0.0, which
        return self._state[:, which].T.copy()

    def move(self, actions: Array) -> tuple[Array, Array, Array]:
        """Takes forces `[N, 1]`, as float32."""
        state, fresh = self._state, self._fresh
        forces = np.asarray(actions, np.float32)[:, 0]
        terminated = self._advance(state, forces)
        if len(fresh):
            first = np.stack([self._first_positions[fresh], np.zeros(len(fresh))])
            terminated[fresh] = self._advance(first, forces[fresh])
            state[:, fresh] = first
            self._fresh = np.zeros(0, np.int64)
        wide = forces.astype(np.float64)
        rewards = np.where(terminated, 100.0, 0.0) - wide * wide * 0.1  # a square of two float32 has no rounding in float64
        return state.T.copy(), rewards, terminated

    def _advance(self, state: Array, forces: Array) -> Array:
        """Moves states `[2, M]` in place, in their own precision; returns which have reached the goal."""
        env, (position, velocity) = self._constants, state
        pull = 0.0025 * np.cos((3 * position).astype(np.float64))
        push = forces * env.power - pull.astype(np.float32)  # float32, as forces are
        below, above = forces < env.min_action, forces > env.max_action
        if np.count_nonzero(below) or np.count_nonzero(above):  # bounds are Python's floats, and so is what is made of them
            bounded = np.where(below, env.min_action, env.max_action) * env.power - pull
            push = np.where(below | above, bounded, push)
        velocity += push.astype(state.dtype)
        np.minimum(np.maximum(velocity, -env.max_speed, out=velocity), env.max_speed, out=velocity)
        position += velocity
        np.minimum(np.maximum(position, env.min_position, out=position), env.max_position, out=position)
        velocity[(position == env.min_position) & (velocity < 0)] = 0.0
        return np.asarray((position >= env.goal_position) & (velocity >= env.goal_velocity))
