"""The choice of an array form for an environment: only for Gymnasium's own classes, and only where the two are seen to be equal.

Whether NumPy's functions of arrays round as its functions of numbers do depends on the processor and on NumPy; what a class does, on
Gymnasium and on whoever changed it. So both are tried in the process that wants the arrays: the functions on thousands of numbers, and the
very environment that was made beside its array form, for some steps. If anything differs, Gymnasium steps the environments.
"""

import functools
import importlib
import math
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker, TimeLimit

from arena_envs.arrays.array_vector_env import ArrayVectorEnv
from arena_envs.private_api import time_limit

Array = npt.NDArray[Any]

_CLASSIC, _TOY = "gymnasium.envs.classic_control.", "gymnasium.envs.toy_text."
ARRAYS = {
    f"{_CLASSIC}acrobot:AcrobotEnv": "arena_envs.arrays.acrobot:Acrobots",
    f"{_CLASSIC}cartpole:CartPoleEnv": "arena_envs.arrays.cart_pole:CartPoles",
    f"{_CLASSIC}mountain_car:MountainCarEnv": "arena_envs.arrays.mountain_car:MountainCars",
    f"{_CLASSIC}continuous_mountain_car:Continuous_MountainCarEnv": "arena_envs.arrays.mountain_car:ContinuousMountainCars",
    f"{_CLASSIC}pendulum:PendulumEnv": "arena_envs.arrays.pendulum:Pendulums",
    f"{_TOY}frozen_lake:FrozenLakeEnv": "arena_envs.arrays.tables:TableEnvs",
    f"{_TOY}taxi:TaxiEnv": "arena_envs.arrays.tables:Taxis",
    f"{_TOY}cliffwalking:CliffWalkingEnv": "arena_envs.arrays.tables:TableEnvs",
}
"""Array forms (`module:Class`) by the class of the environment."""
NUM_SEEDS, NUM_STEPS, STEPS_BEFORE_TRUNCATION = 3, 24, 10
"""Size of the comparison of an environment with its array form: episodes at once, steps of each, and steps before a reset."""


def as_arrays(
    env: gym.Env[Any, Any], num_envs: int, observation_space: gym.Space[Any], action_space: gym.Space[Any]
) -> ArrayVectorEnv | None:
    """Returns `num_envs` of `env` as arrays, or None if there is no such form, or anything is around the environment that may change it.

    Args:
        env: The environment, as `gymnasium.make` returns it. It may be stepped here.
        num_envs: Number of environments.
        observation_space: Space of one environment, in the arena's form.
        action_space: Space of one environment, in the arena's form.
    """
    inner, limit = bare(env)
    name = f"{type(inner).__module__}:{type(inner).__qualname__}"
    if name not in ARRAYS or inner.render_mode is not None or not _has_form(inner, observation_space) or action_space != inner.action_space:
        return None
    module, _, class_name = ARRAYS[name].partition(":")
    kind: Any = getattr(importlib.import_module(module), class_name)
    if num_envs < kind.min_envs or not numpy_rounds_alike() or not _agrees(inner, kind, observation_space, action_space):
        return None
    arrays: ArrayVectorEnv = kind(inner, num_envs, observation_space, action_space, limit)
    return arrays


def bare(env: gym.Env[Any, Any]) -> tuple[gym.Env[Any, Any], int | None]:
    """Returns an environment without what `gymnasium.make` puts around it, and its time limit; other wrappers stay around it."""
    limit: int | None = None
    while isinstance(env, gym.Wrapper) and type(env) in (OrderEnforcing, PassiveEnvChecker, TimeLimit):
        if isinstance(env, TimeLimit):
            limit = time_limit(env) if limit is None else min(limit, time_limit(env))
        env = env.env
    return env, limit


def _has_form(env: gym.Env[Any, Any], observation_space: gym.Space[Any]) -> bool:
    """Returns whether the arena's form is the environment's own float32 vector, or a number as a one-hot vector."""
    own = env.observation_space
    if type(observation_space) is not gym.spaces.Box or observation_space.dtype != np.float32:
        return False
    if isinstance(own, gym.spaces.Discrete):
        return own.start == 0 and observation_space.shape == (int(own.n),)
    return own.dtype == np.float32 and own.shape == observation_space.shape


@functools.cache
def numpy_rounds_alike() -> bool:
    """Returns whether functions of arrays give, to the last bit, what functions of numbers give: cosine, sine and square."""
    numbers = np.linspace(-30.0, 30.0, 2_003)
    with_numbers = [[math.cos(x), math.sin(x)] for x in numbers.tolist()]
    one_by_one = [[np.cos(x), np.sin(x), x**2] for x in numbers]
    narrow = numbers[::40].astype(np.float32)
    narrow_one_by_one = [[np.cos(x), np.sin(x)] for x in narrow]
    with_arrays = np.stack([np.cos(numbers), np.sin(numbers), np.float_power(numbers, 2)], 1)
    return (
        np.array_equal(with_arrays[:, :2], with_numbers)
        and np.array_equal(with_arrays, one_by_one)
        and np.array_equal(np.stack([np.cos(narrow), np.sin(narrow)], 1), narrow_one_by_one)
    )


_seen: dict[str, tuple[dict[str, Any], bool]] = {}
"""Attributes of the environment's class, and the result of the comparison, by class and arguments."""


def _agrees(env: gym.Env[Any, Any], kind: Any, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> bool:
    """Compares an environment with its array form, once in a process for a class with the same arguments."""
    try:
        key = "" if env.spec is None else f"{kind.__qualname__} {env.spec.to_json()}"
    except (TypeError, ValueError):  # arguments that JSON cannot name
        key = ""
    if not key:
        return _are_equal(env, kind, observation_space, action_space)
    attributes = dict(vars(type(env)))
    if key not in _seen or any(value is not _seen[key][0].get(name) for name, value in attributes.items()):  # or it was changed in place
        _seen[key] = attributes, _are_equal(env, kind, observation_space, action_space)
    return _seen[key][1]


def _are_equal(env: gym.Env[Any, Any], kind: Any, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> bool:
    """Returns whether an environment and its array form give the same for some seeds and actions, also after an unseeded reset."""
    try:
        arrays = kind(env, NUM_SEEDS, observation_space, action_space, STEPS_BEFORE_TRUNCATION)
        rng = np.random.default_rng(0)
        size = (NUM_STEPS, NUM_SEEDS)
        if isinstance(action_space, gym.spaces.Discrete):
            actions = rng.integers(int(action_space.n), size=size)
        else:
            assert isinstance(action_space, gym.spaces.Box)
            actions = (1.2 * rng.uniform(action_space.low, action_space.high, (*size, *action_space.shape))).astype(np.float32)
        first, _ = arrays.reset(seed=1)
        given = [arrays.step(each) for each in actions]
        return all(_is_equal(env, index, first[index], given, actions[:, index]) for index in range(NUM_SEEDS))
    except Exception:  # somebody's changes to the environment's class
        return False


def _is_equal(env: gym.Env[Any, Any], index: int, first: Array, given: list[Any], actions: Array) -> bool:
    def common(observation: Any) -> Array:
        space = env.observation_space
        return np.eye(int(space.n), dtype=np.float32)[observation] if isinstance(space, gym.spaces.Discrete) else np.array(observation)

    observation, _ = env.reset(seed=1 + index)
    if not np.array_equal(common(observation), first):
        return False
    steps = 0
    for (observations, rewards, terminated, truncated, info), action in zip(given, actions, strict=True):
        observation, reward, ended, _, _ = env.step(action)
        steps += 1
        cut = steps == STEPS_BEFORE_TRUNCATION
        last = info["final_obs"][index] if ended or cut else observations[index]
        if not np.array_equal(common(observation), last) or (float(reward), bool(ended), cut) != (
            rewards[index],
            terminated[index],
            truncated[index],
        ):
            return False
        if ended or cut:
            observation, _ = env.reset()
            steps = 0
            if not np.array_equal(common(observation), observations[index]):
                return False
    return True
