import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from arena.cli.show import show
from arena.errors import ArenaError
from arena.policies.metadata import AgentMetadata, PolicyMetadata, space_metadata, write_metadata
from arena.policies.onnx_network import Dense, PolicyNetwork

pytestmark = pytest.mark.worker

SPACE, ACTIONS = gym.spaces.Box(-1.0, 1.0, (2,), np.float32), gym.spaces.Discrete(3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A policy file without metadata."""
    path = tmp_path / "policy.onnx"
    PolicyNetwork([Dense(np.ones((2, 3), np.float32), np.zeros(3, np.float32))], SPACE, ACTIONS).export(path)
    return path


def described() -> PolicyMetadata:
    observations, actions = space_metadata(SPACE, ACTIONS, names=(("x", "v"), None))
    return PolicyMetadata(
        observations=observations, actions=actions, agent=AgentMetadata(id="a", name="mine", framework="F", algorithm="dqn")
    )


def shown(path: Path, capsys: pytest.CaptureFixture[str]) -> dict:
    show([str(path)], mode="json")
    return json.loads(capsys.readouterr().out)


def test_a_file_without_metadata_is_shown_with_its_signature(path: Path, capsys: pytest.CaptureFixture[str]):
    found = shown(path, capsys)
    assert found["signature"] == {
        "observation_shape": [2],
        "observation_dtype": "float32",
        "action_shape": [],
        "action_dtype": "int64",
        "num_scores": 3,
        "choices": [],
    }
    assert (found["metadata"], found["note"]) == (None, "the file has no metadata of the arena")


def test_metadata_are_printed_and_hold_no_control_codes(path: Path, capsys: pytest.CaptureFixture[str]):
    metadata = described()
    write_metadata(path, dataclasses.replace(metadata, observations=dataclasses.replace(metadata.observations, declared="\x1b[2Jbox")))
    assert shown(path, capsys)["metadata"]["agent"]["name"] == "mine"
    show([f"me={path}"], mode="plain")
    text = capsys.readouterr().out
    assert text.startswith("me\n")
    assert "a, named mine (F, dqn)" in text
    assert "\\x1b[2Jbox: x, v" in text


def test_metadata_of_another_network_are_remarked(path: Path, capsys: pytest.CaptureFixture[str]):
    metadata = described()
    write_metadata(path, dataclasses.replace(metadata, observations=dataclasses.replace(metadata.observations, shape=(5,))))
    assert "of another network" in shown(path, capsys)["note"]


def test_what_is_no_policy_is_refused(tmp_path: Path):
    (tmp_path / "policy.onnx").write_text("no policy")
    with pytest.raises(ArenaError, match="is not an ONNX file"):
        show([str(tmp_path / "policy.onnx")], mode="quiet")
    with pytest.raises(ArenaError, match="holds no policy: no run folder"):
        show([str(tmp_path)], mode="quiet")


def test_runs_without_a_policy_and_damaged_runs_are_said_to_be_left_out(
    tmp_path: Path, write_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]
):
    write_run(tmp_path, "whole", "CartPole-v1", 0)
    write_run(tmp_path, "young", "CartPole-v1", 0, policy=False)
    (write_run(tmp_path, "broken", "CartPole-v1", 0) / "run.json").write_text("{")
    show([str(tmp_path)], mode="json")
    told, complaint = capsys.readouterr()
    assert [json.loads(line)["policy"] for line in told.splitlines()] == ["whole/CartPole-v1/seed-0"]
    assert complaint.startswith(f"arena: left out of {tmp_path}: ")
    assert "broken/CartPole-v1/seed-0" in complaint
    assert "young/CartPole-v1/seed-0 has no policy.onnx yet" in complaint
