import numpy as np
import pytest

from arena.environments.config import EnvConfig
from arena.environments.vectorize import are_single_envs, make_vec_env, time_limit


def test_actions_and_options_that_are_not_there_are_refused() -> None:
    envs = make_vec_env(EnvConfig("MountainCar-v0"), 2)
    envs.reset(seed=0)
    for actions in ([0, 3], [-1, 0]):
        with pytest.raises(ValueError, match=r"are not all in Discrete\(3\)"):
            envs.step(np.array(actions))
    with pytest.raises(ValueError, match="take none"):
        envs.reset(options={"low": -0.5})


def test_each_environment_takes_a_seed_of_its_own() -> None:
    envs = make_vec_env(EnvConfig("MountainCar-v0"), 2)
    assert are_single_envs(envs)
    assert time_limit(envs) == 200
    by_number = envs.reset(seed=5)[0]
    np.testing.assert_array_equal(envs.reset(seed=[5, 6])[0], by_number)
    kept = envs.reset(seed=[None, 6])[0]
    assert kept[0, 0] != by_number[0, 0]
    assert kept[1, 0] == by_number[1, 0]


def test_arrays_that_were_given_stay_as_they_are() -> None:
    for env_id in ("Acrobot-v1", "MountainCarContinuous-v0", "Pendulum-v1", "FrozenLake-v1"):
        envs = make_vec_env(EnvConfig(env_id, {"max_episode_steps": 3}), 2)
        given = [envs.reset(seed=0)[0]]
        actions = np.zeros(envs.action_space.shape, envs.action_space.dtype)
        for _ in range(4):
            observations, *_, info = envs.step(actions)
            given += [observations, *([info["final_obs"]] if info else [])]
        copies = [each.copy() for each in given]
        for _ in range(4):
            envs.step(actions)[0][:] = 7.0
        for one, other in zip(given, copies, strict=True):
            np.testing.assert_array_equal(one, other)
