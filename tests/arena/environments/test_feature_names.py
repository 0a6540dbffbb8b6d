import gymnasium as gym
import numpy as np
import pytest

from arena.environments.config import EnvConfig
from arena.environments.feature_names import names_of
from arena.environments.make import make_env


class Named(gym.Env):
    """An environment that names its features."""

    def __init__(self, names: object) -> None:
        self.observation_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.metadata = {"feature_names": names, "action_names": ["stay", "go"]}


def test_gymnasium_environments_have_names():
    features, actions = names_of(make_env(EnvConfig("CartPole-v1")))
    assert features == ("cart position", "cart velocity", "pole angle", "pole angular velocity")
    assert actions == ("push left", "push right")


@pytest.mark.parametrize("env_id", ["Acrobot-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Pendulum-v1"])
def test_the_names_fit_the_spaces(env_id: str):
    assert None not in names_of(make_env(EnvConfig(env_id)))


@pytest.mark.extra
@pytest.mark.parametrize("env_id", ["LunarLander-v3", "BipedalWalker-v3"])
def test_the_names_of_box2d_fit_the_spaces(env_id: str):
    assert None not in names_of(make_env(EnvConfig(env_id)))


def test_an_environment_can_name_its_own():
    assert names_of(Named(["a", "b"])) == (("a", "b"), ("stay", "go"))


@pytest.mark.parametrize("names", [None, ["a"], ["a", "b", "c"], "ab", 3])
def test_names_that_do_not_fit_are_left_out(names: object):
    assert names_of(Named(names)) == (None, ("stay", "go"))


def test_one_hot_observations_are_named_by_their_states():
    assert names_of(make_env(EnvConfig("arena/Identity-v0")))[0] == ("state 0", "state 1", "state 2", "state 3")


def test_long_names_are_cut():
    features, _ = names_of(Named(["a" * 100, "b"]))
    assert features == ("a" * 60, "b")


def test_observations_of_several_parts_are_named_by_them():
    features, _ = names_of(make_env(EnvConfig("Blackjack-v1")))
    assert features is not None
    assert (len(features), features[0], features[32], features[-1]) == (45, "[0]=0", "[1]=0", "[2]=1")
