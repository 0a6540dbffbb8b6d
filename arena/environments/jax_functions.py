"""Environments whose steps are pure functions: an agent may take them inside its own compiled program, many at a time.

The environment still measures. What steps it is the arena's function, not the agent's; the agent hands on, step by step, what that
function returned, and the accounts are kept from it by the rules of `arena.environments.metering`::

    env = env_factory.make_vec(num_envs)                          # a MeteredFunctionalEnv where the environment is one
    state, observations = env.functions.initial(key(env.begin()))  # whenever env.must_reset
    count = min(wanted, env.num_blocks_left(length))
    state, rewards, terminated, truncated = program(state, count)  # env.functions.step, count * length times
    env.record(rewards, terminated, truncated)
"""

import sys
from typing import Any, Protocol

import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv

from arena.environments.metering import LOG_LENGTH, MeteredVectorEnv

Array = npt.NDArray[Any]


class VectorFunctions(Protocol):
    """N environments as pure functions of one framework's arrays (of JAX, in `arena_envs.jax_vector_env`)."""

    num_envs: int
    """N, the number of environments."""
    max_episode_steps: int | None
    """Env steps after which an episode is truncated; None for no limit."""

    def initial(self, key: Any) -> tuple[Any, Any]:
        """Returns a state, with all randomness that follows in it, and observations `[N, *obs]`."""

    def step(self, state: Any, actions: Any) -> tuple[Any, Any]:
        """Returns the next state, and observations, true next observations, rewards, terminated and truncated, each `[N, ...]`."""


class MeteredFunctionalEnv(MeteredVectorEnv):
    """A metered vector environment that an agent can also step by `functions`; arguments as for `MeteredVectorEnv`."""

    def __init__(self, env: VectorEnv[Any, Any, Any], *arguments: Any) -> None:
        super().__init__(env, *arguments)
        assert self.autoreset_mode is AutoresetMode.SAME_STEP, "each row of a block is an env step"
        self.functions: VectorFunctions = env.functions  # type: ignore[attr-defined]
        """Functions that step the environments inside a program."""

    def num_blocks_left(self, num_vector_steps: int) -> int:
        """Returns how many blocks of so many vector steps the budget still allows.

        Raises:
            BudgetExhausted: if the budget allows none.
        """
        size = num_vector_steps * self.num_envs
        left = self.meter._left(size)
        return sys.maxsize if self.meter.max_env_steps is None else 1 + left // size

    def begin(self) -> int:
        """Ends all running episodes without counting them, and returns the arena's seed for the ones that follow."""
        self.cut_episodes()
        seed = self._next_seed()
        self._returns[:] = 0.0
        self._first_steps[:] = self._vector_steps
        self.must_reset = False
        return seed

    def record(self, rewards: Array, terminated: Array, truncated: Array) -> None:
        """Takes account of T vector steps that were taken by `functions` since `begin`, each `[T, N]`.

        Raises:
            BudgetExhausted: if they overrun the run's env steps; ask `num_blocks_left` before taking them.
        """
        if self.must_reset:
            raise RuntimeError("record() called on environments that wait for begin(); see must_reset")
        self._settle()
        self.meter._left(rewards.size)
        for first in range(0, len(rewards), LOG_LENGTH):
            block = slice(first, first + LOG_LENGTH)
            self._row = count = len(rewards[block])
            self._rewards[:count], self._terminated[:count], self._truncated[:count] = rewards[block], terminated[block], truncated[block]
            self._settle(observed=False)  # observations stay inside the program
        self._free = 0
