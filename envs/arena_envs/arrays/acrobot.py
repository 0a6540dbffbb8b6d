"""Acrobot-v1 as arrays: Runge-Kutta's four stages for N double pendulums at once (`gymnasium.envs.classic_control.acrobot`).

Each operation is that of Gymnasium's, in its order. Squares are taken by `numpy.float_power`, which asks the C library as `x**2` of a
NumPy scalar does; `x**2` of an array multiplies, and one square in a thousand differs in its last bit.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy import pi

from arena_envs.arrays.array_vector_env import ArrayVectorEnv

Array = npt.NDArray[Any]


class Acrobots(ArrayVectorEnv):
    """N Acrobots with the constants of one that was made.

    Args:
        env: Gymnasium's environment, without wrappers.
        *arguments: Arguments of `ArrayVectorEnv`.
    """

    min_envs = 2

    def __init__(self, env: Any, *arguments: Any) -> None:
        super().__init__(*arguments)
        m1, m2, l1, lc1, lc2 = env.LINK_MASS_1, env.LINK_MASS_2, env.LINK_LENGTH_1, env.LINK_COM_POS_1, env.LINK_COM_POS_2
        self._moment, gravity = env.LINK_MOI, 9.8
        self._is_book = env.book_or_nips != "nips"
        self._torques, self._seconds = np.array(env.AVAIL_TORQUE, np.float64), env.dt
        self._max_velocities = np.array([[env.MAX_VEL_1], [env.MAX_VEL_2]])
        self._m2 = m2
        self._d1_constant, self._d1_squares, self._d1_cos = m1 * lc1**2, l1**2 + lc2**2, 2 * l1 * lc2
        self._d2_square, self._d2_cos = lc2**2, l1 * lc2
        self._phi2_factor = m2 * lc2 * gravity
        self._phi1_first, self._phi1_second, self._phi1_third = -m2 * l1 * lc2, 2 * m2 * l1 * lc2, (m1 * lc1 + m2 * l1) * gravity
        self._coupling, self._last_constant = m2 * l1 * lc2, m2 * lc2**2 + self._moment
        self._state = np.zeros((4, self.num_envs))  # two angles, two velocities
        self._angles = np.empty((3, self.num_envs))  # whose cosines are needed

    def begin(self, which: Array) -> Array:
        """Draws initial states."""
        drawn = np.array([self.rng(index).uniform(low=-0.1, high=0.1, size=(4,)) for index in which.tolist()]).astype(np.float32).T
        self._state[:, which] = drawn
        return _observations(np.cos(drawn[:2]), np.sin(drawn[:2]), drawn[2:])  # in float32, as the first state is

    def move(self, actions: Array) -> tuple[Array, Array, Array]:
        """Takes torques by their indices."""
        torques, seconds, y0 = self._torques[self.checked(actions)], self._seconds, self._state
        half = seconds / 2.0
        k1 = self._derivatives(y0, torques)
        k2 = self._derivatives(y0 + half * k1, torques)
        k3 = self._derivatives(y0 + half * k2, torques)
        k4 = self._derivatives(y0 + seconds * k3, torques)
        state = y0 + seconds / 6.0 * (k1 + 2 * k2 + 2 * k3 + k4)
        angles, velocities = state[:2], state[2:]
        while np.count_nonzero(above := angles > pi):
            angles[above] -= pi - -pi
        while np.count_nonzero(below := angles < -pi):
            angles[below] += pi - -pi
        np.minimum(np.maximum(velocities, -self._max_velocities, out=velocities), self._max_velocities, out=velocities)
        self._state = state
        cosines = np.cos(angles)
        terminated = -cosines[0] - np.cos(angles[1] + angles[0]) > 1.0
        return _observations(cosines, np.sin(angles), velocities), np.where(terminated, 0.0, -1.0), terminated

    def _derivatives(self, state: Array, torques: Array) -> Array:
        """Returns the derivatives `[4, N]` of states `[4, N]`."""
        theta1, theta2, dtheta1, dtheta2 = state
        angles = self._angles
        angles[0] = theta2
        angles[1] = theta1 + theta2
        angles[1] -= pi / 2.0
        angles[2] = theta1 - pi / 2
        cosines, sine = np.cos(angles), np.sin(theta2)
        squares = np.float_power(state[2:], 2)
        d1 = self._d1_constant + self._m2 * (self._d1_squares + self._d1_cos * cosines[0]) + self._moment + self._moment
        d2 = self._m2 * (self._d2_square + self._d2_cos * cosines[0]) + self._moment
        phi2 = self._phi2_factor * cosines[1]
        phi1 = self._phi1_first * squares[1] * sine - self._phi1_second * dtheta2 * dtheta1 * sine + self._phi1_third * cosines[2] + phi2
        numerator = torques + d2 / d1 * phi1
        if self._is_book:
            numerator -= self._coupling * squares[0] * sine
        derivatives = np.empty_like(state)
        derivatives[:2] = state[2:]
        ddtheta2 = np.divide(numerator - phi2, self._last_constant - np.float_power(d2, 2) / d1, out=derivatives[3])
        np.divide(-(d2 * ddtheta2 + phi1), d1, out=derivatives[2])
        return derivatives


def _observations(cosines: Array, sines: Array, velocities: Array) -> Array:
    """Returns observations `float32 [M, 6]` of cosines, sines and velocities `[2, M]`."""
    observations = np.empty((cosines.shape[1], 6), np.float32)
    observations[:, 0:4:2], observations[:, 1:4:2], observations[:, 4:] = cosines.T, sines.T, velocities.T
    return observations
