import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena.errors import TrainingDiverged
from arena.testing.fakes import FakeAgent, FakeConfig, FakeEnv, FakeVectorEnv


def agent(**settings: Any) -> FakeAgent:
    factory = ArenaEnvFactory(EnvConfig("arena/Identity-v0"), Meter(max_env_steps=100_000), np.random.SeedSequence(0))
    return FakeAgent(factory, FakeConfig(**settings), seed=1, device="cpu")


def test_every_observation_and_reward_of_a_script_says_where_it_belongs():
    env = FakeEnv([(2, True), (1, False)], index=3)
    assert env.reset()[0].tolist() == [3.0, 0.0, 0.0]
    steps = [env.step(np.int64(0)) for _ in range(2)]
    assert [step[0].tolist() for step in steps] == [[3.0, 0.0, 1.0], [3.0, 0.0, 2.0]]
    assert [step[1:4] for step in steps] == [(30_001.0, False, False), (30_002.0, True, False)]
    with pytest.raises(RuntimeError, match="step 3 of an episode that ended after 2"):
        env.step(np.int64(0))
    env.reset()
    assert env.step(np.int64(0))[1:4] == (30_101.0, False, True)
    assert env.reset()[0].tolist() == [3.0, 2.0, 0.0], "the script begins again"


def test_a_vector_of_scripts_resets_by_the_mode_of_gymnasium():
    env = FakeVectorEnv([[(1, True)], [(3, True)]], AutoresetMode.SAME_STEP)
    env.reset()
    observations, rewards, terminated, _, infos = env.step(np.zeros(2, np.int64))
    assert observations.tolist() == [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]
    assert rewards.tolist() == [1.0, 10_001.0]
    assert terminated.tolist() == [True, False]
    assert infos["final_obs"][0].tolist() == [0.0, 0.0, 1.0]


def test_the_agent_learns_and_resumes_exactly(tmp_path: Path):
    first = agent()
    metrics = first.learn(400)
    assert (metrics.learner_steps, first.env_steps) == (100, 400)
    assert np.abs(first.weights).sum() > 0.0
    first.save(tmp_path)
    second = agent()
    second.restore(tmp_path)
    assert second.env_steps == 400
    assert second.weights.tolist() == first.weights.tolist()
    assert second.rng.random() == first.rng.random()
    assert json.loads((tmp_path / "state.json").read_text())["env_steps"] == 400


def test_faults_happen_once_their_steps_are_taken():
    crashing = agent(fault="crash", fault_env_steps=100)
    crashing.learn(96)
    with pytest.raises(RuntimeError, match="the fake agent crashes after 100 env steps, as its config asks"):
        crashing.learn(1)
    with pytest.raises(TrainingDiverged, match=r"td is nan after \d+ env steps"):
        agent(fault="nan", fault_env_steps=100).learn(400)
