"""Fakes of a run's parts, in memory, so that each part of the worker is tested alone."""

from pathlib import Path
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest

from arena.experiment.file import from_table
from arena.policies.onnx_network import Dense, PolicyNetwork
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import Run

SPACE, ACTIONS = gym.spaces.Box(-1.0, 1.0, (2,), np.float32), gym.spaces.Discrete(2)


class StubAgent:
    """Acts by one matrix; saves and restores a word."""

    def __init__(self) -> None:
        self.word = "fresh"
        self.network = PolicyNetwork([Dense(np.eye(2, dtype=np.float32), np.zeros(2, np.float32))], SPACE, ACTIONS)

    def act(self, observations: np.ndarray) -> np.ndarray:
        return self.network.actions(observations)

    def export_policy(self, path: Path) -> None:
        self.network.export(path)

    def save(self, directory: Path) -> None:
        (directory / "word.txt").write_text(self.word)

    def restore(self, directory: Path) -> None:
        self.word = (directory / "word.txt").read_text()


@pytest.fixture
def make_run():
    """Makes the inputs of a run that changes only what a test names."""

    def make(**changes) -> Run:
        table = {
            "name": "test",
            "agents": ["arena.testing.fakes:FAKE_AGENT"],
            "envs": ["arena/Identity-v0"],
            "budget": {"env_steps": 1_000},
            "evaluation": {"period": 100, "episodes": 3, "final_episodes": 7},
            "checkpoint_period": 200,
            "log_period": 50,
        }
        return next(from_table({**table, **changes}).runs())

    return make


@pytest.fixture
def agent() -> StubAgent:
    return StubAgent()


@pytest.fixture
def spaces() -> SimpleNamespace:
    keys = ("distribution", "version", "entry_point", "max_episode_steps", "observation_space", "action_space")
    identity = {**dict.fromkeys(keys), "observation_space": str(SPACE), "action_space": str(ACTIONS), "wrappers": []}
    return SimpleNamespace(observation_space=SPACE, action_space=ACTIONS, identity=identity, names=(None, None))


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    return RunDir(tmp_path)
