"""The baselines play, export and resume like any other agent."""

import gymnasium as gym
import numpy as np
import pytest

from arena.agent.hyperparameters import build_config
from arena.agent.registry import agent_spec
from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena.errors import ArenaError, BudgetExhausted
from arena.policies.policy import OnnxPolicy
from arena_baselines.agents import ConstantAgent, RandomAgent
from arena_baselines.config import ConstantConfig, RandomConfig
from arena_baselines.hash_policy import HashPolicy

FLAT = gym.spaces.Box(-9.0, 9.0, (4,), np.float32)
IMAGE = gym.spaces.Box(0, 255, (12, 10, 3), np.uint8)


def make_factory(env_id="CartPole-v1", seed=0, max_env_steps=None):
    return ArenaEnvFactory(EnvConfig(env_id), Meter(max_env_steps=max_env_steps), np.random.SeedSequence(seed))


def observations_of(space, count=2000):
    rng = np.random.default_rng(7)
    if space is IMAGE:
        return rng.integers(0, 256, (count, *space.shape), np.uint8)
    return rng.normal(0.0, 0.3, (count, *space.shape)).astype(np.float32)


@pytest.mark.parametrize("observation_space", [FLAT, IMAGE], ids=["flat", "image"])
@pytest.mark.parametrize("action_space", [gym.spaces.Discrete(5), gym.spaces.Box(-2.0, 3.0, (3,), np.float32)], ids=["discrete", "box"])
def test_hash_is_the_same_in_numpy_and_onnx_and_looks_uniform(tmp_path, observation_space, action_space):
    hashed = HashPolicy(observation_space, action_space, seed=3)
    hashed.export(tmp_path / "policy.onnx")
    policy = OnnxPolicy(tmp_path / "policy.onnx")
    policy.signature.check(observation_space, action_space, where="policy")
    observations = observations_of(observation_space)
    actions = hashed.actions(observations)
    np.testing.assert_array_equal(policy.scores(observations), hashed.scores(observations))
    if isinstance(action_space, gym.spaces.Discrete):
        np.testing.assert_array_equal(policy.act(observations), actions)
        # 2,000 draws of probability 1/5: the standard deviation of a share is 0.009.
        np.testing.assert_allclose(np.bincount(actions, minlength=5) / len(actions), 0.2, atol=0.04)
        assert np.mean(actions[1:] == actions[:-1]) == pytest.approx(0.2, abs=0.04)
    else:
        np.testing.assert_allclose(policy.act(observations), actions, rtol=0.0, atol=1e-6)
        assert actions.dtype == np.float32
        np.testing.assert_allclose(actions.mean(0), 0.5, atol=0.15)
        np.testing.assert_allclose(actions.std(0), 5.0 / np.sqrt(12.0), atol=0.1)


def test_hash_takes_extreme_observations(tmp_path):
    hashed = HashPolicy(FLAT, gym.spaces.Discrete(3), seed=0)
    hashed.export(tmp_path / "policy.onnx")
    observations = np.array([[np.inf, -np.inf, 3e38, -3e38], [1e9, -1e9, 0.0, -0.0]], np.float32)
    np.testing.assert_array_equal(OnnxPolicy(tmp_path / "policy.onnx").scores(observations), hashed.scores(observations))


def test_neighbouring_cells_are_unrelated():
    hashed = HashPolicy(FLAT, gym.spaces.Discrete(2), seed=0)
    line = np.zeros((2000, 4), np.float32)
    line[:, 2] = np.arange(2000) / 1024.0
    actions = hashed.actions(line)
    assert np.mean(actions) == pytest.approx(0.5, abs=0.06)
    assert np.mean(actions[1:] == actions[:-1]) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1", "FrozenLake-v1"])
@pytest.mark.parametrize(("agent_class", "config"), [(RandomAgent, RandomConfig()), (ConstantAgent, ConstantConfig())])
def test_agent_plays_and_its_file_acts_as_it_does(tmp_path, env_id, agent_class, config):
    factory = make_factory(env_id)
    agent = agent_class(factory, config, seed=1, device="cpu")
    metrics = agent.learn(500)
    assert metrics.learner_steps == 0
    assert 500 <= factory.meter.env_steps < 500 + config.num_envs
    agent.export_policy(tmp_path / "policy.onnx")
    factory.observation_space.seed(0)
    observations = np.stack([factory.observation_space.sample() for _ in range(64)])
    actions = agent.act(observations)
    assert all(factory.action_space.contains(action) for action in actions)
    np.testing.assert_allclose(OnnxPolicy(tmp_path / "policy.onnx").act(observations), actions, atol=1e-6)
    agent.close()


def test_random_draws_uniformly_while_it_trains():
    agent = RandomAgent(make_factory("Pendulum-v1"), RandomConfig(), seed=0, device="cpu")
    actions = np.concatenate([agent.uniform.act(np.zeros((8, 3))) for _ in range(500)])
    assert actions.mean() == pytest.approx(0.0, abs=0.1)
    assert actions.std() == pytest.approx(4.0 / np.sqrt(12.0), abs=0.05)


def test_random_resumes_exactly(tmp_path):
    config = RandomConfig(num_envs=3)
    factory = make_factory()
    agent = RandomAgent(factory, config, seed=5, device="cpu")
    agent.learn(300)
    agent.save(tmp_path)
    factory.cut_episodes()
    factory.meter.take_episodes()
    agent.learn(300)
    expected = [(episode.episode_return, episode.terminated) for episode in factory.meter.take_episodes()]

    resumed_factory = make_factory()
    resumed = RandomAgent(resumed_factory, config, seed=5, device="cpu")
    resumed.restore(tmp_path)
    resumed_factory.cut_episodes(factory.num_cuts)
    resumed.learn(300)
    assert [(episode.episode_return, episode.terminated) for episode in resumed_factory.meter.take_episodes()] == expected
    assert expected


def test_constant_takes_its_action():
    agent = ConstantAgent(make_factory(), ConstantConfig(action=1), seed=0, device="cpu")
    assert agent.act(observations_of(FLAT, 5)).tolist() == [1] * 5
    agent = ConstantAgent(make_factory("Pendulum-v1"), ConstantConfig(box_fraction=0.75), seed=0, device="cpu")
    assert agent.act(np.zeros((2, 3), np.float32)).tolist() == [[1.0], [1.0]]


def test_constant_refuses_an_action_that_is_not_there():
    with pytest.raises(ArenaError, match="action=2, but the environment's actions are 0 to 1"):
        ConstantAgent(make_factory(), ConstantConfig(action=2), seed=0, device="cpu")


def test_budget_ends_learning():
    factory = make_factory(max_env_steps=100)
    with pytest.raises(BudgetExhausted):
        RandomAgent(factory, RandomConfig(), seed=0, device="cpu").learn(1000)
    assert 100 - 8 < factory.meter.env_steps <= 100


@pytest.mark.parametrize("agent_id", ["random", "constant"])
def test_specs_are_registered_and_need_no_framework(agent_id):
    spec = agent_spec(agent_id)
    assert spec.modules_for(build_config(spec.config, {}, where=agent_id)) == frozenset()
    assert issubclass(spec.load(), (RandomAgent, ConstantAgent))
