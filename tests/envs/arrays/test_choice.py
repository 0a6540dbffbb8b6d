"""Array forms of Gymnasium's environments against Gymnasium's own, to the last bit, and when they are taken."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.classic_control.acrobot import AcrobotEnv
from gymnasium.envs.classic_control.mountain_car import MountainCarEnv
from gymnasium.vector import AutoresetMode

from arena.environments.config import EnvConfig, WrapperConfig
from arena.environments.make import make_env
from arena.environments.user_modules import newest_version
from arena.environments.vectorize import make_sync_env, make_vec_env
from arena_envs.arrays import choice
from arena_envs.arrays.array_vector_env import ArrayVectorEnv
from arena_envs.arrays.choice import as_arrays

TAXI = newest_version("Taxi")  # v3, or v4 from Gymnasium 1.4 on
KNOWN = [
    ("Acrobot-v1", {}),
    ("CartPole-v1", {}),
    ("CartPole-v1", {"sutton_barto_reward": True}),
    ("MountainCar-v0", {}),
    ("MountainCar-v0", {"goal_velocity": 0.01}),
    ("MountainCarContinuous-v0", {}),
    ("Pendulum-v1", {"g": 9.81}),
    ("FrozenLake-v1", {}),
    ("FrozenLake-v1", {"desc": ["SFFF", "FHFS", "HFFG"], "is_slippery": False}),
    (TAXI, {"is_rainy": True}),
    (TAXI, {"fickle_passenger": True}),
    ("CliffWalking-v1", {}),
    ("CliffWalkingSlippery-v1", {}),
]


def arrays_of(env_id: str, num_envs: int = 2, **kwargs: Any) -> ArrayVectorEnv | None:
    env = make_env(EnvConfig(env_id, kwargs))
    return as_arrays(env.env, num_envs, env.observation_space, env.action_space)


@pytest.mark.parametrize(("env_id", "kwargs"), KNOWN, ids=lambda value: value if isinstance(value, str) else ",".join(value))
def test_array_forms_give_what_single_environments_give(env_id: str, kwargs: dict[str, Any]) -> None:
    """Held over hundreds of steps with ends of both kinds; 19,000 steps of each were compared when this was written."""
    config = EnvConfig(env_id, {**kwargs, "max_episode_steps": 30})
    arrays, single = make_vec_env(config, 3), make_sync_env(config, 3, autoreset_mode=AutoresetMode.SAME_STEP)
    assert isinstance(arrays, ArrayVectorEnv)
    rng, space = np.random.default_rng(0), arrays.single_action_space
    expected, _ = single.reset(seed=3)
    observations, _ = arrays.reset(seed=3)
    num_ends = 0
    for step in range(110):
        if step == 70:  # generators go on, and so do numbers that were drawn in advance
            expected, observations = single.reset()[0], arrays.reset()[0]
        np.testing.assert_array_equal(observations, expected)
        if isinstance(space, gym.spaces.Box):
            actions = (1.2 * rng.uniform(space.low, space.high, (3, 1))).astype(np.float32)
            actions[0] = np.sign(observations[0, 1])  # swings a car up
        else:
            actions = rng.integers(int(space.n), size=3)
            actions[0] = (int(space.n) - 1) * (observations[0, 1] > 0)
        *wanted, wanted_info = single.step(actions)
        *given, info = arrays.step(actions)
        for one, other in zip(given, wanted, strict=True):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype
        ended = given[2] | given[3]
        if ended.any():
            num_ends += 1
            np.testing.assert_array_equal(info["_final_obs"], wanted_info["_final_obs"])
            np.testing.assert_array_equal(info["final_obs"][ended], np.stack(list(wanted_info["final_obs"][ended])))
        observations, expected = given[0], wanted[0]
    assert num_ends >= 2
    arrays.close()
    single.close()


def test_everything_that_changes_an_environment_keeps_it_single() -> None:
    class Mine(AcrobotEnv):
        dt = 0.1

    plain = make_env(EnvConfig("Acrobot-v1"))
    spaces = plain.observation_space, plain.action_space
    assert arrays_of("Acrobot-v1") is not None
    assert as_arrays(Mine(), 2, *spaces) is None, "another class"
    assert as_arrays(gym.wrappers.TransformReward(AcrobotEnv(), abs), 2, *spaces) is None, "a wrapper"
    assert arrays_of("Acrobot-v1", 1) is None, "single ones are faster"
    assert arrays_of("Pendulum-v1", render_mode="rgb_array") is None
    delayed = EnvConfig("Pendulum-v1", wrappers=(WrapperConfig("gymnasium.wrappers:DelayObservation", {"delay": 1}),))
    assert not isinstance(make_vec_env(delayed, 2), ArrayVectorEnv)
    masked = EnvConfig(TAXI, action_mask_key="action_mask")
    assert not isinstance(make_vec_env(masked, 2), ArrayVectorEnv)


def test_constants_are_those_of_the_environment_that_was_made() -> None:
    env = AcrobotEnv()
    env.LINK_MASS_1, env.book_or_nips = 1.5, "nips"
    arrays = as_arrays(env, 2, env.observation_space, env.action_space)
    assert arrays is not None, "it was compared with this very environment"
    plain = arrays_of("Acrobot-v1")
    assert plain is not None
    for each in (arrays, plain):
        each.reset(seed=0)
    assert not np.array_equal(arrays.step(np.array([0, 2]))[0], plain.step(np.array([0, 2]))[0])


@pytest.mark.parametrize("name", ["reward", "reset"])
def test_a_class_that_somebody_changed_in_place_is_not_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_seen", {})
    own_step, own_reset = MountainCarEnv.step, MountainCarEnv.reset

    def step(self: Any, action: Any) -> Any:
        observation, reward, *rest = own_step(self, action)
        return observation, reward + 0.5, *rest

    def reset(self: Any, **options: Any) -> Any:
        own_reset(self, **options)
        return own_reset(self)  # draws once more

    assert arrays_of("MountainCar-v0") is not None
    monkeypatch.setattr(MountainCarEnv, *(("step", step) if name == "reward" else ("reset", reset)))
    assert arrays_of("MountainCar-v0") is None


def test_noise_that_arrays_do_not_know_is_seen() -> None:
    env = AcrobotEnv()
    env.torque_noise_max = 0.5
    assert as_arrays(env, 2, env.observation_space, env.action_space) is None


def test_arrays_are_not_taken_where_numpy_rounds_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choice.numpy_rounds_alike()
    monkeypatch.setattr(choice, "numpy_rounds_alike", lambda: False)
    assert arrays_of("Pendulum-v1") is None
