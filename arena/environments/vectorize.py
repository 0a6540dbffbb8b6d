"""Makes several environments at once, behind one vector environment, in the fastest way that is known for them."""

from collections.abc import Sequence
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from arena.environments.action_form import common_actions
from arena.environments.common_form import CommonForm
from arena.environments.config import EnvConfig
from arena.environments.make import make_env, own_time_limit
from arena.environments.own_arrays import OwnArrays
from arena.environments.plugins import plugins


class MakeSingleEnvs(Protocol):
    """Makes single environments behind one vector environment: `make_sync_env`, or what does the same in processes."""

    def __call__(
        self, config: EnvConfig, num_envs: int, *, autoreset_mode: AutoresetMode = ..., info_metrics: Sequence[str] = ()
    ) -> VectorEnv[Any, Any, Any]:
        """Returns what `make_sync_env` returns, or what gives the same."""


def make_vec_env(
    config: EnvConfig,
    num_envs: int,
    *,
    autoreset_mode: AutoresetMode = AutoresetMode.SAME_STEP,
    make_single_envs: MakeSingleEnvs | None = None,
) -> VectorEnv[Any, Any, Any]:
    """Returns `num_envs` environments in the common form behind one vector environment.

    A faster implementation is taken where there is one: first what a plug-in offers, such as the array forms of `arena_envs.arrays`, then
    Gymnasium's own vectorised one, if it has the same spaces and nothing is passed to the environment. Its autoreset mode is its own,
    whatever was asked for.

    Args:
        config: The environment.
        num_envs: Number of environments stepped together.
        autoreset_mode: Mode of the environments where no faster implementation is taken.
        make_single_envs: Function that makes them there; None steps them one after the other.

    Raises:
        ArenaError: the reasons for which `make_env` raises it.
    """
    env = make_env(config)  # what it refuses is refused here with the same words
    spec = env.spec
    vectorized = _vectorized(env, num_envs)
    env.close()
    if vectorized is not None:
        return vectorized
    assert spec is not None
    if spec.vector_entry_point is not None and spec.entry_point is not None and config.is_plain:
        vector_env = gym.make_vec(config.id, num_envs=num_envs, vectorization_mode=gym.VectorizeMode.VECTOR_ENTRY_POINT)
        space = vector_env.single_observation_space
        actions = vector_env.single_action_space
        has_form = isinstance(space, gym.spaces.Box) and space.dtype == np.float32 and space.shape == env.observation_space.shape
        if has_form and common_actions(actions)[0] == actions:
            return vector_env if type(vector_env).__module__.startswith("gymnasium.") else OwnArrays(vector_env)
        vector_env.close()
    return (make_single_envs or make_sync_env)(config, num_envs, autoreset_mode=autoreset_mode)


def make_sync_env(
    config: EnvConfig, num_envs: int, *, autoreset_mode: AutoresetMode = AutoresetMode.SAME_STEP, info_metrics: Sequence[str] = ()
) -> VectorEnv[Any, Any, Any]:
    """Returns `num_envs` single environments, stepped one after the other; each takes a seed of its own.

    Args:
        config: The environment.
        num_envs: Number of environments.
        autoreset_mode: Mode of the environments.
        info_metrics: Keys of `info` that are kept, as `make_env` takes them.
    """
    return SyncVectorEnv([lambda: make_env(config, info_metrics=info_metrics)] * num_envs, autoreset_mode=autoreset_mode)


def time_limit(env: VectorEnv[Any, Any, Any]) -> int | None:
    """Returns the env steps after which environments made by `make_vec_env` truncate an episode themselves; None if nothing is known."""
    inner, own = env.unwrapped, getattr(env, "time_limit", None)
    if own is not None:
        return int(own)
    if isinstance(inner, SyncVectorEnv):
        return own_time_limit(inner.envs[0])
    if hasattr(inner, "functions"):
        limit: int | None = inner.functions.max_episode_steps
        return limit
    return env.spec.max_episode_steps if env.spec is not None else None


def failed_envs(env: VectorEnv[Any, Any, Any]) -> list[tuple[int, int]]:
    """Returns the index and the env step of each environment whose reset or step has come to no end; none where nobody notes that."""
    if isinstance(env, SyncVectorEnv):
        return [(index, single.env_step) for index, single in enumerate(env.envs) if isinstance(single, CommonForm) and single.is_stepping]
    found: list[tuple[int, int]] = getattr(env, "failed_envs", [])
    return found


def are_single_envs(env: VectorEnv[Any, Any, Any]) -> bool:
    """Returns whether environment i of a vector environment does what a single one does that is reset with entry i of the seeds."""
    return isinstance(env, SyncVectorEnv) or bool(getattr(env, "equals_single_envs", False))


def has_functions(env: gym.Env[Any, Any]) -> bool:
    """Returns whether an environment made by `make_env` can be stepped inside a compiled JAX program (see `jax_functions`)."""
    vector_env = _vectorized(env, 1)
    if vector_env is None:
        return False
    vector_env.close()
    return hasattr(vector_env, "functions")


def stepped_by(env: gym.Env[Any, Any]) -> str | None:
    """Returns the class (`module:Class`) that steps many copies of an environment as arrays; None if there is none.

    Args:
        env: An environment made by `make_env`; it may be stepped here.
    """
    vector_env = _vectorized(env, 2)
    if vector_env is None:
        return None
    vector_env.close()
    if not are_single_envs(vector_env):
        return None
    return f"{type(vector_env).__module__}:{type(vector_env).__qualname__}"


def _vectorized(env: gym.Env[Any, Any], num_envs: int) -> VectorEnv[Any, Any, Any] | None:
    assert isinstance(env, CommonForm)
    offers = (plugin.vectorize for plugin in plugins() if plugin.vectorize is not None)
    found = (vectorize(env.env, num_envs, env.observation_space, env.action_space) for vectorize in offers)
    return next((vector_env for vector_env in found if vector_env is not None), None)
