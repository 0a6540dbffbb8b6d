"""A run folder that a test fills, and rows of its files."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from arena.environments.config import EnvConfig
from arena.formats.json import write_json
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import AgentEntry, Budget, EvaluationProtocol, Resources, Run
from arena.run_folder.schema import write_run


@pytest.fixture
def run() -> Run:
    """The inputs in `files`."""
    return Run(
        agent=AgentEntry(name="a", agent="random", hyperparameters={"num_envs": 2, "sizes": [3]}, tuning={"trials": 4}),
        env=EnvConfig("CartPole-v1", {"render_fps": 5}),
        seed=3,
        experiment_seed=1,
        budget=Budget(env_steps=1_000, target_return=475.0),
        evaluation=EvaluationProtocol(period=500),
        checkpoint_period=250,
        log_period=100,
        resources=Resources(threads=2),
    )


@pytest.fixture
def files(tmp_path: Path, run: Run) -> RunDir:
    """A run folder that holds `run.json` alone."""
    path = tmp_path / run.name
    path.mkdir(parents=True)
    write_run(RunDir(path), run)
    return RunDir(path)


@pytest.fixture
def evaluation() -> Callable[..., str]:
    """Returns a line of `evaluations.jsonl`."""

    def line(kind: str, env_steps: int, returns: tuple[float, ...]) -> str:
        row = {"kind": kind, "env_steps": env_steps, "train_seconds": env_steps / 100, "episode_return_mean": sum(returns) / len(returns)}
        return json.dumps({**row, "episode_returns": returns, "episode_lengths": [1] * len(returns)}) + "\n"

    return line


@pytest.fixture
def episode() -> Callable[[int], str]:
    """Returns a line of `episodes.jsonl`."""
    row = {"episode_return": 1.5, "episode_length": 2, "terminated": True}
    return lambda env_steps: json.dumps({"env_steps": env_steps, **row}) + "\n"


@pytest.fixture
def write_checkpoint(files: RunDir) -> Callable[[object], Path]:
    """Writes a checkpoint after 500 env steps, with the counts of the meter as given; returns its `training.json`."""

    def write(meter: object) -> Path:
        directory = files.new_checkpoint(500)
        progress = {"learner_steps": 7, "policy_env_steps": 400, "seconds": {"train": 2.0}, "num_attempts": 2}
        write_json(directory / "training.json", {"meter": meter, "progress": progress})
        files.commit_checkpoint(directory)
        return directory / "training.json"

    return write
