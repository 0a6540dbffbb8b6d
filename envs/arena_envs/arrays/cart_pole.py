"""CartPole-v1 as arrays (`gymnasium.envs.classic_control.cartpole`).

Gymnasium has a vectorised CartPole of its own, which checks every batch of actions as a space and draws all initial states from one
generator. This one takes half the time, and environment i does what the single CartPole does that is reset with entry i of the seeds.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from arena_envs.arrays.array_vector_env import ArrayVectorEnv
from arena_envs.private_api import has_sutton_barto_reward

Array = npt.NDArray[Any]


class CartPoles(ArrayVectorEnv):
    """N carts with the constants of one that was made, integrated by Euler's explicit method, which is Gymnasium's default.

    Args:
        env: Gymnasium's environment, without wrappers.
        *arguments: Arguments of `ArrayVectorEnv`.
    """

    def __init__(self, env: Any, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._constants = env
        self._forces = np.array([-env.force_mag, env.force_mag])
        self._limits = np.array([[env.x_threshold], [env.theta_threshold_radians]])
        self._penalizes = has_sutton_barto_reward(env)
        self._state = np.zeros((4, self.num_envs))  # position, velocity, angle, angular velocity
        self._rates = np.zeros((4, self.num_envs))  # their derivatives

    def begin(self, which: Array) -> Array:
        """Draws initial states."""
        drawn = np.array([self.rng(index).uniform(low=-0.05, high=0.05, size=(4,)) for index in which.tolist()])
        self._state[:, which] = drawn.T
        return drawn.astype(np.float32)

    def move(self, actions: Array) -> tuple[Array, Array, Array]:
        """Takes pushes to the left (0) and to the right (1)."""
        env, (_, velocity, angle, turn), rates = self._constants, self._state, self._rates
        cosine, sine = np.cos(angle), np.sin(angle)
        push = (self._forces[self.checked(actions)] + env.polemass_length * np.square(turn) * sine) / env.total_mass
        inertia = env.length * (4.0 / 3.0 - env.masspole * np.square(cosine) / env.total_mass)
        rates[0], rates[2] = velocity, turn
        rates[3] = turning = (env.gravity * sine - cosine * push) / inertia
        rates[1] = push - env.polemass_length * turning * cosine / env.total_mass
        self._state += env.tau * rates
        beyond = np.abs(self._state[::2]) > self._limits
        terminated = beyond[0] | beyond[1]
        rewards = np.where(terminated, -1.0, 0.0) if self._penalizes else np.ones(self.num_envs)
        return self._state.T.astype(np.float32, order="C"), rewards, terminated
