"""N functional environments (`gymnasium.experimental.functional.FuncEnv`) at once: pure JAX functions, and a `VectorEnv` over them.

Gymnasium's `FunctionalJaxVectorEnv` sends every operation of a step to JAX by itself, under 1,000 steps/s; here a vector step is one
compiled call. It knows no time limit either: `FuncEnv` has none, so a counter of steps stands beside the state.
"""

from typing import Any, NamedTuple

import gymnasium as gym
import jax
import numpy as np
import numpy.typing as npt
from gymnasium.envs.functional_jax_env import FunctionalJaxEnv
from gymnasium.experimental.functional import FuncEnv
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker, TimeLimit
from jax import numpy as jnp

from arena_envs.private_api import time_limit

Array = npt.NDArray[Any]


class EnvState(NamedTuple):
    """State of N environments."""

    states: Any
    """States of the `FuncEnv`, with a leading axis `[N]`."""
    num_steps: jax.Array
    """`int32 [N]`, of the running episodes."""
    key: jax.Array
    """Key of all randomness that follows."""


class VectorStep(NamedTuple):
    """What one vector step gives. An episode that ends is followed by the next one at once."""

    observations: jax.Array
    """`[N, *obs]`, what the next actions answer to: of the next episode where one ended."""
    next_observations: jax.Array
    """`[N, *obs]`, the true next observation, also at the end of an episode."""
    rewards: jax.Array
    """`float32 [N]`"""
    terminated: jax.Array
    """`bool [N]`"""
    truncated: jax.Array
    """`bool [N]`, by the time limit."""


class JaxFunctions:
    """Pure functions of N environments (an `arena.environments.jax_functions.VectorFunctions`), for use inside a compiled program.

    Args:
        func_env: the environment; randomness is dealt out as in `FunctionalJaxEnv`.
        num_envs: N.
        max_episode_steps: Env steps after which an episode is truncated; None for no limit.
        observation_space: Space of one environment in the arena's form: Discrete observations arrive one-hot, floats as float32.
    """

    def __init__(
        self,
        func_env: FuncEnv[Any, Any, Any, Any, Any, Any, Any],
        num_envs: int,
        max_episode_steps: int | None,
        observation_space: gym.Space[Any],
    ) -> None:
        self.num_envs, self.max_episode_steps = num_envs, max_episode_steps
        self._func_env, self._observation_space = func_env, observation_space
        self.compiled_initial, self.compiled_step = jax.jit(self.initial), jax.jit(self.step)

    def initial(self, key: jax.Array) -> tuple[EnvState, jax.Array]:
        """Returns the state and the observations `[N, *obs]` of N new episodes."""
        key, initial_key = jax.random.split(key)
        states, observations = jax.vmap(self._initial)(jax.random.split(initial_key, self.num_envs))
        return EnvState(states, jnp.zeros(self.num_envs, jnp.int32), key), observations

    def step(self, state: EnvState, actions: jax.Array) -> tuple[EnvState, VectorStep]:
        """Takes `actions` `[N, *act]`, in the arena's form."""
        key, step_key, initial_key = jax.random.split(state.key, 3)
        keys = jax.random.split(step_key, self.num_envs)
        states, next_observations, rewards, terminated = jax.vmap(self._transition)(state.states, actions, keys)
        num_steps = state.num_steps + 1
        limit = self.max_episode_steps
        truncated = num_steps >= limit if limit is not None else jnp.zeros_like(terminated)
        ended = terminated | truncated
        fresh_states, fresh_observations = jax.vmap(self._initial)(jax.random.split(initial_key, self.num_envs))

        def begun(fresh: jax.Array, old: jax.Array) -> jax.Array:
            return jnp.where(ended.reshape(-1, *[1] * (old.ndim - 1)), fresh, old)

        states = jax.tree.map(begun, fresh_states, states)
        state = EnvState(states, jnp.where(ended, 0, num_steps), key)
        return state, VectorStep(begun(fresh_observations, next_observations), next_observations, rewards, terminated, truncated)

    def _initial(self, key: jax.Array) -> tuple[Any, jax.Array]:
        state = self._func_env.initial(rng=key)
        return jax.tree.map(jnp.asarray, state), self._observe(state, key)

    def _transition(self, state: Any, action: jax.Array, key: jax.Array) -> tuple[Any, jax.Array, jax.Array, jax.Array]:
        func_env = self._func_env
        if isinstance(func_env.action_space, gym.spaces.Discrete):
            action = action + int(func_env.action_space.start)
        following = func_env.transition(state, action, key)
        reward = jnp.asarray(func_env.reward(state, action, following, key), jnp.float32).reshape(())
        terminated = jnp.asarray(func_env.terminal(following, key), jnp.bool_).reshape(())
        return following, self._observe(following, key), reward, terminated

    def _observe(self, state: Any, key: jax.Array) -> jax.Array:
        observation, space = self._func_env.observation(state, key), self._func_env.observation_space
        if isinstance(space, gym.spaces.Discrete):
            return jax.nn.one_hot(observation - int(space.start), int(space.n), dtype=jnp.float32)
        return jnp.asarray(observation, self._observation_space.dtype).reshape(self._observation_space.shape)


class JaxVectorEnv(VectorEnv[Array, Array, Array]):
    """Steps `JaxFunctions` from NumPy, on the CPU, one compiled call for each vector step.

    Args:
        functions: what to step.
        observation_space: Space of one environment, in the arena's form.
        action_space: Space of one environment, in the arena's form.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(self, functions: JaxFunctions, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> None:
        self.functions = functions
        """To step inside a compiled program instead."""
        self.num_envs = functions.num_envs
        self.single_observation_space, self.single_action_space = observation_space, action_space
        self.observation_space = batch_space(observation_space, self.num_envs)
        self.action_space = batch_space(action_space, self.num_envs)
        self._cpu = jax.devices("cpu")[0]
        self._state: EnvState | None = None

    def reset(self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Begins N episodes; with a seed, the same ones each time."""
        assert not isinstance(seed, list), "one seed for all environments"
        assert not (options or {}).get("reset_mask") is not None, "episodes follow each other by themselves"
        super().reset(seed=seed)
        with jax.default_device(self._cpu):
            if seed is None and self._state is not None:
                key = self._state.key
            else:
                key = jax.random.PRNGKey(np.random.SeedSequence(seed).generate_state(1)[0])
            self._state, observations = self.functions.compiled_initial(key)
        return np.array(observations), {}

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """Takes `actions` `[N, *act]`; true last observations of ended episodes stand in `info["final_obs"]`."""
        assert self._state is not None, "reset() comes first"
        with jax.default_device(self._cpu):
            self._state, step = self.functions.compiled_step(self._state, np.asarray(actions))
        observations, next_observations, rewards, terminated, truncated = (np.array(part) for part in step)
        ended = terminated | truncated
        info: dict[str, Any] = {"final_obs": next_observations, "_final_obs": ended} if ended.any() else {}
        return observations, rewards, terminated, truncated, info


def make_jax_vector_env(
    env: gym.Env[Any, Any], num_envs: int, observation_space: gym.Space[Any], action_space: gym.Space[Any]
) -> JaxVectorEnv | None:
    """Returns `num_envs` copies of `env` in one, or None if it isn't a `FunctionalJaxEnv`, or does more than its functions say."""
    limit: int | None = None
    while isinstance(env, gym.Wrapper):
        if isinstance(env, TimeLimit):
            limit = time_limit(env) if limit is None else min(limit, time_limit(env))
        elif type(env) not in (OrderEnforcing, PassiveEnvChecker):
            return None  # a wrapper may change anything, and functions pass it by
        env = env.env
    known = (FunctionalJaxEnv.step, FunctionalJaxEnv.reset)
    if not isinstance(env, FunctionalJaxEnv) or (type(env).step, type(env).reset) != known:
        return None
    return JaxVectorEnv(_functions(env, num_envs, limit, observation_space), observation_space, action_space)


_known: dict[tuple[str, int, int | None], JaxFunctions] = {}


def _functions(env: FunctionalJaxEnv[Any], num_envs: int, limit: int | None, observation_space: gym.Space[Any]) -> JaxFunctions:
    """Returns the functions of `env`: the very same ones for an environment made twice, since compiling them takes a second."""
    made = JaxFunctions(env.func_env, num_envs, limit, observation_space)
    try:
        return made if env.spec is None else _known.setdefault((env.spec.to_json(), num_envs, limit), made)
    except (TypeError, ValueError):  # arguments that JSON cannot name: nobody knows whether they are the same
        return made
