"""Pendulum-v1 as arrays (`gymnasium.envs.classic_control.pendulum`).

Squares are taken as NumPy's scalars take them, by the C library: `x**2` of an array multiplies, and one square in a thousand differs.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from arena_envs.arrays.array_vector_env import ArrayVectorEnv

Array = npt.NDArray[Any]


class Pendulums(ArrayVectorEnv):
    """N pendulums with the constants of one that was made.

    Args:
        env: Gymnasium's environment, without wrappers.
        *arguments: Arguments of `ArrayVectorEnv`.
    """

    def __init__(self, env: Any, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._max_torque, self._max_speed, self._seconds = env.max_torque, env.max_speed, env.dt
        self._fall, self._turn = 3 * env.g / (2 * env.l), 3.0 / (env.m * env.l**2)
        self._high = np.array([np.pi, 1.0])  # of initial states
        self._state = np.zeros((2, self.num_envs))  # angle, velocity

    def begin(self, which: Array) -> Array:
        """Draws initial states."""
        high = self._high
        self._state[:, which] = np.array([self.rng(index).uniform(low=-high, high=high) for index in which.tolist()]).T
        return _observations(self._state[:, which])

    def move(self, actions: Array) -> tuple[Array, Array, Array]:
        """Takes torques `[N, 1]`, as float32."""
        angle, velocity = self._state
        torques = np.clip(np.asarray(actions, np.float32)[:, 0], -self._max_torque, self._max_torque)
        effort = np.array([torque**2 for torque in torques], np.float32)  # no function of arrays rounds as the scalars do
        around = ((angle + np.pi) % (2 * np.pi)) - np.pi
        costs = np.float_power(around, 2) + 0.1 * np.float_power(velocity, 2) + 0.001 * effort
        velocity += (self._fall * np.sin(angle) + self._turn * torques) * self._seconds
        np.minimum(np.maximum(velocity, -self._max_speed, out=velocity), self._max_speed, out=velocity)
        angle += velocity * self._seconds
        return _observations(self._state), -costs, np.zeros(self.num_envs, np.bool_)


def _observations(state: Array) -> Array:
    """Returns observations `float32 [M, 3]` of states `[2, M]`."""
    observations = np.empty((state.shape[1], 3), np.float32)
    observations[:, 0], observations[:, 1], observations[:, 2] = np.cos(state[0]), np.sin(state[0]), state[1]
    return observations
