"""A run folder in the form of November 2026, before the checkpoint named its counts, is read like any other.

The files are shortened copies of what that version wrote for a finished run and for one that was killed at work.
"""

import json
from pathlib import Path

import pytest

from arena.report.load import load_runs
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord
from arena.run_folder.status import progress

RUN = {
    "schema_version": 1,
    "inputs": {
        "agent": {"name": "fake", "agent": "arena.fakes:FAKE_AGENT", "hyperparameters": {"learning_rate": 0.2, "num_envs": 4}},
        "env": {"id": "CartPole-v1", "kwargs": {}},
        "seed": 0,
        "experiment_seed": 0,
        "budget": {"env_steps": 3000, "seconds": None, "target_return": None, "target_episodes": 100},
        "evaluation": {"period": 1000, "episodes": 3, "final_episodes": 4, "max_episode_steps": 100000, "keep": "best"},
        "checkpoint_period": 1000,
        "log_period": 1000,
    },
    "resources": {"workers": 0, "threads": 1, "device": "auto", "gpu_share": None, "timeout_seconds": 86400.0},
    "tuning": None,
    "record": {
        "versions": {"arena-rl": "0.1.0", "numpy": "2.3.5"},
        "machine": {"platform": "Linux", "python": "3.11.7", "cores_logical": 2, "gpus": []},
        "git": {"commit": "f655bb2", "dirty": False},
        "command": ["python", "-m", "arena.worker"],
        "started": "2026-11-28T12:00:00+0000",
    },
}
RESULT = {
    "schema_version": 1,
    "status": "finished",
    "agent": "fake",
    "env": "CartPole-v1",
    "seed": 0,
    "path": "/elsewhere/fake/CartPole-v1/seed-0",
    "reason": "3,000 env steps",
    "env_steps": 2999,
    "num_episodes": 280,
    "num_cut_episodes": 9,
    "learner_steps": 547,
    "score_mean": 9.75,
    "score_std": 0.4330127018922193,
    "score_episodes": 4,
    "policy_env_steps": 2999,
    "seconds": {"start": 1.3, "import": 0.01, "build": 0.01, "train": 0.28, "train_cpu": 0.1, "play": 0.03, "evaluate": 0.1, "env": 0.1},
    "cpu_seconds": 0.62,
    "device": "cpu",
    "parity": 1.0,
    "num_attempts": 1,
    "log_tail": [],
}
CHECKPOINT = {
    "progress": {
        "learner_steps": 547,
        "next_evaluation": 3000,
        "next_checkpoint": 3000,
        "next_log": 3000,
        "best_return": 10.3,
        "policy_env_steps": 1999,
        "parity": 1.0,
        "seconds": {"start": 1.3, "train": 0.28},
        "num_attempts": 1,
        "cpu_seconds": 0.62,
    },
    "meter": [1999, 0.13, 280, 9],
    "num_cuts": 2,
    "stop_reason": "",
    "offsets": {"episodes": 21879, "evaluations": 531},
}
EVALUATIONS = (
    '{"kind":"selection","env_steps":1000,"train_seconds":0.1,"episode_return_mean":9.5,"episode_returns":[9.0,10.0],"episode_lengths":[9,10]}\n'
    '{"kind":"final","env_steps":1000,"train_seconds":0.3,"episode_return_mean":9.75,"episode_returns":[9.5,10.0],"episode_lengths":[9,10]}\n'
)
EPISODES = '{"env_steps":52,"episode_return":13.0,"episode_length":13,"terminated":true}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run folder of that form, without a result."""
    path = tmp_path / "logs" / "fake" / "CartPole-v1" / "seed-0"
    checkpoint = path / "checkpoint" / "env-steps-1999"
    checkpoint.mkdir(parents=True)
    (path / "run.json").write_text(json.dumps(RUN))
    (path / "evaluations.jsonl").write_text(EVALUATIONS)
    (path / "episodes.jsonl").write_text(EPISODES)
    (checkpoint / "training.json").write_text(json.dumps(CHECKPOINT))
    (path / "checkpoint" / "latest.json").write_text('{"directory": "env-steps-1999"}')
    return path


def test_a_finished_run_is_read(folder: Path):
    (folder / "result.json").write_text(json.dumps(RESULT))
    record = RunRecord(folder)
    assert record.run.agent.agent == "arena.fakes:FAKE_AGENT", "an agent that is not here is only a name"
    assert record.run.evaluation.final_episodes == 4
    assert record.provenance.versions["numpy"] == "2.3.5"
    assert record.result is not None
    assert (record.result.score_mean, record.result.path) == (9.75, str(folder))
    assert [evaluated.kind for evaluated in record.evaluations] == ["selection", "final"]
    assert len(record.episodes) == 1
    assert progress(RunDir(folder), "x").state == "finished"
    (run,) = load_runs([folder.parents[2]]).runs
    assert (run.name, run.state) == ("fake/CartPole-v1/seed-0", "finished")


def test_a_run_that_was_killed_at_work_is_read(folder: Path):
    with (folder / "episodes.jsonl").open("a") as file:
        file.write('{"env_steps":20')
    found = progress(RunDir(folder), "x")
    assert (found.state, found.env_steps, found.checkpoint_env_steps, found.best_return) == ("interrupted", 1_999, 1_999, 9.5)
    assert RunRecord(folder).last_known()["learner_steps"] == 547
