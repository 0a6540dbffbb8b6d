import dataclasses
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.make import make_env
from arena.environments.metering import Meter
from arena.errors import ArenaError
from arena.experiment.compatibility import check_pair
from arena.learning.normalization import NormalizingFactory
from arena.learning.normalized_agent import NormalizedAgent, build_agent
from arena.policies.policy import OnnxPolicy
from arena.testing import FAKE_AGENT, FakeAgent, FakeConfig, check_agent


@dataclasses.dataclass(frozen=True, kw_only=True)
class NormalizingConfig(FakeConfig):
    """Settings of a fake agent that sees normalised values."""

    normalize_observations: bool = True
    normalize_rewards: bool = True


SPEC = dataclasses.replace(FAKE_AGENT, config=NormalizingConfig)


@pytest.mark.parametrize(("env_id", "num_steps"), [("CartPole-v1", 300), ("arena/MaskedIdentity-v0", 600)])
def test_an_agent_behind_normalisation_keeps_the_whole_contract(env_id: str, num_steps: int) -> None:
    check_agent(SPEC, env_id=env_id, num_steps=num_steps)


def test_a_resumed_run_differs_if_the_statistics_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NormalizingFactory, "restore", lambda self, state: None)
    with pytest.raises(AssertionError, match="restore"):
        check_agent(SPEC, num_steps=300)


def test_the_policy_file_takes_observations_as_the_environment_gives_them(tmp_path: Path) -> None:
    factory = ArenaEnvFactory(EnvConfig("CartPole-v1"), Meter(), np.random.SeedSequence(0))
    agent = build_agent(FakeAgent, factory, NormalizingConfig(), seed=0, device="cpu")
    assert isinstance(agent, NormalizedAgent)
    agent.learn(500)
    agent.export_policy(tmp_path / "policy.onnx")
    observations = np.random.default_rng(0).normal(0.0, 100.0, (50, 4)).astype(np.float32)  # many beyond the bound
    policy = OnnxPolicy(tmp_path / "policy.onnx")
    np.testing.assert_array_equal(policy.act(observations), agent.act(observations))
    alone = agent.agent
    assert isinstance(alone, FakeAgent)
    assert not np.array_equal(alone.network.scores(observations), policy.scores(observations))
    agent.close()


def test_an_agent_without_normalisation_is_built_alone() -> None:
    factory = ArenaEnvFactory(EnvConfig("CartPole-v1"), Meter(), np.random.SeedSequence(0))
    assert isinstance(build_agent(FakeAgent, factory, FakeConfig(), seed=0, device="cpu"), FakeAgent)


def test_what_cannot_be_normalised_is_refused() -> None:
    spec = dataclasses.replace(SPEC, observation_spaces=frozenset({"flat", "image"}))
    with pytest.raises(ArenaError, match="normalize_observations is for flat observations"):
        check_pair(spec, EnvConfig("arena/ImageIdentity-v0"), NormalizingConfig())
    on_device = dataclasses.replace(SPEC, device_iteration=lambda _: 8)
    with pytest.raises(ArenaError, match="set on_device=false"):
        check_pair(on_device, EnvConfig("CartPole-v1"), NormalizingConfig())


@pytest.mark.parametrize(
    ("wrapper", "option"),
    [(gym.wrappers.NormalizeObservation, "normalize_observations"), (gym.wrappers.NormalizeReward, "normalize_rewards")],
)
def test_an_environment_that_normalises_by_itself_is_refused(wrapper: type, option: str) -> None:
    env_id = f"{wrapper.__name__}Inside-v0"
    gym.register(env_id, entry_point=lambda **kwargs: gym.wrappers.TransformReward(wrapper(gym.make("CartPole-v1")), float))
    try:
        with pytest.raises(ArenaError, match=f"set {option}=true"):
            make_env(EnvConfig(env_id))
    finally:
        del gym.registry[env_id]
