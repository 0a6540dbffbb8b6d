"""An environment in wrappers, from an experiment's file to a tournament."""

from collections.abc import Callable
from pathlib import Path

import pytest

from arena.executors.local import LocalExecutor
from arena.experiment.file import from_toml
from arena.experiment.runner import run_experiment
from arena.formats.json import parse_json
from arena.policies.metadata import read_metadata
from arena.run_folder.record import RunRecord

FILE = """
output = "."
agents = ["constant", "random"]
budget = { env_steps = 400 }
evaluation = { period = 400, episodes = 2, final_episodes = 3 }

[[envs]]
id = "CartPole-v1"
wrappers = [{ wrapper = "gymnasium.wrappers:FrameStackObservation", kwargs = { stack_size = 3 } }]
train_wrappers = [{ wrapper = "gymnasium.wrappers:ClipReward", kwargs = { max_reward = 0.5 } }]
"""


@pytest.mark.worker
def test_what_is_around_an_environment_is_there_in_training_evaluation_and_tournament(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arena: Callable[..., tuple[int, str]]
):
    monkeypatch.chdir(tmp_path)
    Path("stacked.toml").write_text(FILE)
    results = run_experiment(from_toml(Path("stacked.toml")), LocalExecutor(2))
    assert [result.status for result in results] == ["finished"] * 2, results[0].reason
    record = RunRecord(Path(results[0].path))
    assert record.run.env.name == results[0].env
    assert all(episode.episode_return == episode.episode_length / 2 for episode in record.episodes)  # clipped
    assert record.final is not None
    assert [int(value) for value in record.final.episode_returns] == list(record.final.episode_lengths)  # not clipped
    identity = parse_json((record.path / "run.json").read_bytes(), "run.json")["record"]["environment"]
    assert [name.rpartition(":")[2] for name in identity["wrappers"][:2]] == ["ClipReward", "FrameStackObservation"]
    metadata = read_metadata(record.files.policy.read_bytes(), "policy")
    assert metadata is not None
    assert metadata.env is not None
    assert metadata.observations.shape == (12,)
    assert metadata.env.form == {"wrappers": [{"wrapper": "gymnasium.wrappers:FrameStackObservation", "kwargs": {"stack_size": 3}}]}
    code, said = arena("tournament", "stacked", "--episodes", "2", "--workers", "1", "--name", "t", "--output", ".")
    assert (code, "constant" in said) == (0, True), said
    code, said = arena("report", "stacked")
    assert (code, "CartPole-v1" in said) == (0, True), said
