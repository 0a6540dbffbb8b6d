"""Training as one compiled JAX program: the environments, collecting and learning, many iterations in a call.

The idea is that of PureJaxRL (Lu et al., 2022, arXiv:2210.05639). Here the program is called again and again, for as many iterations as the
budget and the next boundary of `Agent.learn` allow, and gives back rewards and flags of every env step for the arena's accounts.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import numpy.typing as npt
from jax import numpy as jnp

from arena.environments.jax_functions import MeteredFunctionalEnv
from arena.environments.metering import MeteredVectorEnv
from arena.errors import ArenaError
from arena_keras.engine import Engine
from arena_keras.learner import Learner, LearnerState

Array = npt.NDArray[Any]
Block = tuple[jax.Array, jax.Array, jax.Array]
"""Rewards, terminated and truncated, each `[T, N]`."""

MAX_ENV_STEPS_PER_CALL = 2**20
"""Largest number of env steps in one call; each takes six bytes for rewards and flags."""
MAX_ITERATIONS_PER_CALL = 256
"""Largest number of iterations in one call; with more, the cost of a call no longer matters."""


class Carry(NamedTuple):
    """Everything that an iteration changes."""

    learner: LearnerState
    env: Any
    """State of the environments."""
    observations: jax.Array
    """Observations that the next actions answer to, `[N, *obs]`."""
    key: jax.Array
    """Key of the agent's randomness; the environments have their own."""
    totals: jax.Array
    """Sums of the losses over the last optimizer steps (see `Learner.means`)."""
    memory: Any
    """Further state of the algorithm."""


class DeviceLoop:
    """Calls the program of one agent.

    Args:
        engine: Backend and device.
        env: whose functions the program steps.
        learner: whose state the program moves.
        length: T, the vector steps of one iteration.
        iteration: `iteration(carry, inputs) -> (carry, block)`, pure.
        make_inputs: `make_inputs(env_steps, count)` returns the schedules of `count` iterations that begin after `env_steps`, arrays
            `[count, ...]` in tuples.
        seed: Seed of the agent's randomness.
        memory: Initial further state of the algorithm.
    """

    def __init__(
        self,
        engine: Engine,
        env: MeteredFunctionalEnv,
        learner: Learner,
        length: int,
        iteration: Callable[[Carry, Any], tuple[Carry, Block]],
        make_inputs: Callable[[int, int], Any],
        seed: int,
        memory: Any = (),
    ) -> None:
        self._engine, self._env, self._learner, self._make_inputs, self._length = engine, env, learner, make_inputs, length
        self.env_steps = 0
        """Transitions that this agent has taken."""
        self.period = length * env.num_envs
        self._max_iterations = max(1, min(MAX_ITERATIONS_PER_CALL, MAX_ENV_STEPS_PER_CALL // self.period))
        shape = (self._max_iterations, length, env.num_envs)

        def program(carry: Carry, count: jax.Array, inputs: Any) -> tuple[Carry, Block]:
            def body(index: jax.Array, value: tuple[Carry, Block]) -> tuple[Carry, Block]:
                carry, log = value
                carry, block = iteration(carry, jax.tree.map(lambda part: part[index], inputs))
                return carry, jax.tree.map(lambda whole, part: whole.at[index].set(part), log, block)

            log = (jnp.zeros(shape, jnp.float32), jnp.zeros(shape, jnp.bool_), jnp.zeros(shape, jnp.bool_))
            return jax.lax.fori_loop(0, count, body, (carry, log))  # type: ignore[no-any-return]

        with engine.scope():
            self.initial = jax.jit(env.functions.initial)
            key = jax.random.PRNGKey(seed)
            environments, observations = self.initial(key)
            totals = jnp.asarray(learner.zero_totals)
            self.carry = Carry(learner.state, environments, observations, key, totals, jax.tree.map(jnp.asarray, memory))
            self._program = jax.jit(program).lower(self.carry, np.int32(0), self._padded_inputs(0)).compile()

    def run(self, num_steps: int) -> tuple[int, float]:
        """Takes whole iterations, at least one: as many as `num_steps` env steps need, or fewer where the budget ends before.

        Returns:
            Iterations taken, and their wall seconds.

        Raises:
            BudgetExhausted: if not even one iteration was possible.
        """
        start = time.perf_counter()
        env, period = self._env, self.period
        if env.must_reset:
            with self._engine.scope():
                environments, observations = self.initial(jax.random.PRNGKey(np.uint32(env.begin())))
            self.carry = self.carry._replace(env=environments, observations=observations)
        self.carry = self.carry._replace(learner=self._learner.state)
        taken, wanted = 0, min(env.num_blocks_left(self._length), -(-num_steps // period))
        while taken < wanted:
            count = min(wanted - taken, self._max_iterations)
            with self._engine.scope():
                self.carry, log = self._program(self.carry, np.int32(count), self._padded_inputs(count))
            self._learner.state = self.carry.learner
            env.record(*(np.asarray(part)[:count].reshape(count * self._length, -1) for part in log))
            self.env_steps += count * period
            taken += count
        return taken, time.perf_counter() - start

    def losses(self, num_learner_steps: int) -> dict[str, float]:
        """Returns the means of the last `num_learner_steps`; raises as `Learner.means`."""
        return self._learner.means(self.carry.totals, num_learner_steps)

    @property
    def memory(self) -> Any:
        """Further state of the algorithm, on the device."""
        return self.carry.memory

    def state(self) -> dict[str, Any]:
        """Returns the state without learner and memory, fit for JSON; only at a checkpoint, when the environments are about to be reset."""
        return {"env_steps": self.env_steps, "key": np.asarray(self.carry.key).tolist()}

    def restore(self, state: Mapping[str, Any], memory: Any = ()) -> None:
        """Takes over what `state` returned."""
        self.env_steps = state["env_steps"]
        with self._engine.scope():
            key = jnp.asarray(np.array(state["key"], np.uint32))
            self.carry = self.carry._replace(key=key, memory=jax.tree.map(jnp.asarray, memory))

    def _padded_inputs(self, count: int) -> Any:
        inputs = self._make_inputs(self.env_steps, max(1, count))
        rest = self._max_iterations - max(1, count)
        return jax.tree.map(lambda part: np.concatenate([part, np.zeros((rest, *part.shape[1:]), part.dtype)]), inputs)


def functional(env: MeteredVectorEnv) -> MeteredFunctionalEnv:
    """Returns `env` if it can be stepped inside a program.

    Raises:
        ArenaError: if it cannot.
    """
    if not isinstance(env, MeteredFunctionalEnv):
        raise ArenaError("on_device=true needs an environment of JAX functions, phys2d/CartPole-v1 say; set it to false for this one")
    return env
