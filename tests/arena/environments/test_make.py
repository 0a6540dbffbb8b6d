import dataclasses

import gymnasium as gym
import numpy as np
import pytest

from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from arena.environments.vectorize import make_vec_env
from arena.errors import ArenaError
from arena.experiment.compatibility import check_pair
from arena.testing import FAKE_AGENT


class Spaces(gym.Env):
    """Has the spaces that it is given, and echoes."""

    def __init__(self, observation_space, action_space) -> None:
        self.observation_space, self.action_space = observation_space, action_space
        self.actions = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(0)
        return self.observation_space.sample(), {}

    def step(self, action):
        self.actions.append(action)
        return self.observation_space.sample(), 0.0, False, False, {}


class Unmakeable(gym.Env):
    def __init__(self) -> None:
        raise ImportError("No module named 'physics'")


DISCRETE, FLAT = gym.spaces.Discrete(2), gym.spaces.Box(-1.0, 1.0, (3,), np.float32)


@pytest.fixture(autouse=True, scope="module")
def _registered():
    for name, entry_point in (("ArenaTestSpaces-v0", Spaces), ("ArenaTestUnmakeable-v0", Unmakeable)):
        gym.register(name, entry_point=entry_point, disable_env_checker=True)
    yield
    for name in ("ArenaTestSpaces-v0", "ArenaTestUnmakeable-v0"):
        gym.registry.pop(name)


def config_of(observation_space=FLAT, action_space=DISCRETE) -> EnvConfig:
    return EnvConfig("ArenaTestSpaces-v0", {"observation_space": observation_space, "action_space": action_space})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (EnvConfig("CartPoll-v1"), "no environment 'CartPoll-v1'; did you mean 'CartPole-v1'? (arena list envs)"),
        (EnvConfig("Xyzzy"), "no environment 'Xyzzy' (arena list envs)"),
        (EnvConfig("CartPole-v99"), "environment 'CartPole-v99' cannot be made: "),
        (EnvConfig("nowhere/CartPole-v1"), "environment 'nowhere/CartPole-v1' cannot be made: "),
        (EnvConfig("no_such_module:CartPole-v1"), "environment 'no_such_module:CartPole-v1' cannot be made: "),
        (EnvConfig("CartPole-v1", {"gravity": 3}), "environment 'CartPole-v1' cannot be made: "),
        (EnvConfig("ArenaTestUnmakeable-v0"), "environment 'ArenaTestUnmakeable-v0' cannot be made: No module named 'physics'"),
        (config_of(gym.spaces.Sequence(FLAT)), "environment 'ArenaTestSpaces-v0': observations are Sequence"),
        (
            config_of(FLAT, gym.spaces.MultiBinary(2049)),
            "environment 'ArenaTestSpaces-v0': actions are MultiBinary(2049): choices of 4,098",
        ),
        (config_of(FLAT, gym.spaces.Box(-np.inf, np.inf, (1,))), "environment 'ArenaTestSpaces-v0': actions are Box"),
        (config_of(FLAT, gym.spaces.Box(0, 1, (2, 2))), "environment 'ArenaTestSpaces-v0': actions are Box"),
    ],
)
@pytest.mark.parametrize("make", [make_env, lambda config: make_vec_env(config, 2)], ids=["one", "vector"])
def test_what_the_arena_cannot_take_is_refused_by_name(config, message, make) -> None:
    with pytest.raises(ArenaError) as caught:
        make(config)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("changes", "config", "message"),
    [
        ({}, EnvConfig("Pendulum-v1"), "fake takes discrete actions; Pendulum-v1 has box"),
        ({"action_spaces": frozenset({"box"})}, EnvConfig("CartPole-v1"), "fake takes box actions; CartPole-v1 has discrete"),
        ({}, EnvConfig("arena/ImageIdentity-v0"), "fake takes flat observations; arena/ImageIdentity-v0 has image"),
        ({}, EnvConfig("CartPoll-v1"), "no environment 'CartPoll-v1'"),
        (
            {},
            EnvConfig("arena/ManyChoices-v0"),
            "fake makes several choices at once as one of all their combinations, and those of arena/ManyCh",
        ),
    ],
)
def test_an_agent_that_cannot_play_is_refused(changes, config, message) -> None:
    check_pair(FAKE_AGENT, EnvConfig("CartPole-v1"))
    with pytest.raises(ArenaError) as caught:
        check_pair(dataclasses.replace(FAKE_AGENT, **changes), config)
    assert str(caught.value).startswith(message)


def test_keyword_arguments_reach_the_environment_and_its_name() -> None:
    config = EnvConfig("arena/Truncation-v0", {"max_episode_steps": 4})
    assert config.name == "arena-Truncation-v0,max_episode_steps=4"
    env = make_env(config)
    env.reset()
    assert [env.step(1)[3] for _ in range(4)] == [False, False, False, True]
