import dataclasses

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from arena.environments.make import ArenaEnvFactory, EnvConfig, env_ids, make_env, make_vec_env
from arena.environments.metering import Meter
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
        (config_of(gym.spaces.MultiBinary(3)), "environment 'ArenaTestSpaces-v0': observations are MultiBinary(3); the arena takes"),
        (config_of(gym.spaces.Dict(a=FLAT)), "environment 'ArenaTestSpaces-v0': observations are Dict"),
        (config_of(gym.spaces.Box(0, 1, (2, 2))), "environment 'ArenaTestSpaces-v0': observations are Box"),
        (config_of(FLAT, gym.spaces.MultiDiscrete([2, 2])), "environment 'ArenaTestSpaces-v0': actions are MultiDiscrete"),
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
    ],
)
def test_an_agent_that_cannot_play_is_refused(changes, config, message) -> None:
    check_pair(FAKE_AGENT, EnvConfig("CartPole-v1"))
    with pytest.raises(ArenaError) as caught:
        check_pair(dataclasses.replace(FAKE_AGENT, **changes), config)
    assert str(caught.value).startswith(message)


def test_discrete_observations_arrive_one_hot() -> None:
    env = make_env(config_of(gym.spaces.Discrete(3, start=5)))
    assert env.observation_space == gym.spaces.Box(0.0, 1.0, (3,), np.float32)
    inner = env.unwrapped
    observation, _ = env.reset()
    for _ in range(10):
        assert env.observation_space.contains(observation)
        assert observation.sum() == 1.0
        inner.observation_space.seed(7)
        expected = int(inner.observation_space.sample()) - 5
        inner.observation_space.seed(7)
        observation, *_ = env.step(0)
        assert observation.argmax() == expected


def test_float64_becomes_float32_and_images_stay() -> None:
    env = make_env(config_of(gym.spaces.Box(-1.0, 1.0, (3,), np.float64)))
    assert env.observation_space.dtype == np.float32
    assert env.reset()[0].dtype == np.float32
    image = gym.spaces.Box(0, 255, (4, 5, 3), np.uint8)
    env = make_env(config_of(image))
    assert env.observation_space == image
    assert env.reset()[0].dtype == np.uint8


def test_actions_count_from_zero() -> None:
    env = make_env(config_of(FLAT, gym.spaces.Discrete(3, start=-1)))
    assert env.action_space == gym.spaces.Discrete(3)
    env.reset()
    for action in range(3):
        env.step(action)
    assert env.unwrapped.actions == [-1, 0, 1]


def test_the_vectorised_implementation_is_taken_only_where_nothing_is_passed() -> None:
    fast = make_vec_env(EnvConfig("CartPole-v1"), 3)
    slow = make_vec_env(EnvConfig("CartPole-v1", {"sutton_barto_reward": False}), 3)
    assert not isinstance(fast, SyncVectorEnv)
    assert isinstance(slow, SyncVectorEnv)
    assert slow.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert fast.single_observation_space == slow.single_observation_space
    fast.close()
    slow.close()


def test_keyword_arguments_reach_the_environment_and_its_name() -> None:
    config = EnvConfig("arena/Truncation-v0", {"max_episode_steps": 4})
    assert config.name == "arena-Truncation-v0,max_episode_steps=4"
    env = make_env(config)
    env.reset()
    assert [env.step(1)[3] for _ in range(4)] == [False, False, False, True]


def test_environments_of_installed_packages_are_known() -> None:
    assert {"arena/Identity-v0", "CartPole-v1"} <= set(env_ids())
    assert env_ids() == sorted(env_ids())


class TestFactory:
    def starts(self, num_cuts: int | None = None, seed: int = 0, index: int = 0) -> np.ndarray:
        factory = ArenaEnvFactory(EnvConfig("CartPole-v1"), Meter(), np.random.SeedSequence(seed))
        envs = [factory.make_vec(2) for _ in range(index + 1)]
        if num_cuts is not None:
            factory.cut_episodes(num_cuts)
        return envs[index].reset()[0]

    def test_the_seed_the_cut_and_the_environment_decide_the_start(self) -> None:
        np.testing.assert_array_equal(self.starts(), self.starts(0))
        np.testing.assert_array_equal(self.starts(3), self.starts(3))
        starts = [self.starts(), self.starts(1), self.starts(2), self.starts(seed=1), self.starts(index=1)]
        assert len({start.tobytes() for start in starts}) == len(starts)

    def test_cutting_step_by_step_equals_jumping(self) -> None:
        factory = ArenaEnvFactory(EnvConfig("CartPole-v1"), Meter(), np.random.SeedSequence(0))
        env = factory.make_vec(2)
        env.reset()
        for _ in range(2):
            env.step(np.zeros(2, np.int64))
            factory.cut_episodes()
            start, _ = env.reset()
        np.testing.assert_array_equal(start, self.starts(2))
        assert factory.meter.num_cut_episodes == 4

    def test_single_environments_follow_the_same_rule(self) -> None:
        def start(num_cuts: int) -> np.ndarray:
            factory = ArenaEnvFactory(EnvConfig("CartPole-v1"), Meter(), np.random.SeedSequence(0))
            env = factory.make()
            factory.cut_episodes(num_cuts)
            assert env.must_reset
            return env.reset()[0]

        np.testing.assert_array_equal(start(1), start(1))
        assert (start(1) != start(2)).any()

    def test_spaces_are_those_of_one_environment(self) -> None:
        factory = ArenaEnvFactory(EnvConfig("arena/Identity-v0"), Meter(), np.random.SeedSequence(0))
        assert factory.observation_space.shape == (4,)
        env = factory.make_vec(3)
        assert env.single_observation_space == factory.observation_space
        assert env.single_action_space == factory.action_space
