import json
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from arena.cli.league import add
from arena.cli.pack import pack
from arena.cli.tournament import TrainingOptions, tournament
from arena.errors import ArenaError
from arena.formats.archives import write_archive
from arena.policies.onnx_network import Dense, PolicyNetwork

pytestmark = pytest.mark.worker


def archive_of(path: Path, **policies: float) -> Path:
    """Writes an archive of policies that push the cart where the pole falls, times a number."""
    space, contents = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32), {"README.md": b"card"}
    for name, factor in policies.items():
        kernel = factor * np.array([[0, 0], [0, 0.3], [0, 3], [0, 1]], np.float32)
        model = PolicyNetwork([Dense(kernel, np.zeros(2, np.float32))], space, gym.spaces.Discrete(2)).to_onnx()
        contents[f"policies/{name}.onnx"] = model.SerializeToString()
    write_archive(path, contents)
    return path


def test_a_tournament_takes_an_archive_and_needs_it_no_longer_when_it_resumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    archive = archive_of(tmp_path / "pack.zip", good=1.0, bad=-1.0)
    options = {"name": "t", "output": tmp_path, "workers": 1, "mode": "json"}
    assert tournament([str(archive)], ["CartPole-v1"], {"episodes": 5}, TrainingOptions(steps=1, num_seeds=1), **options) == 0
    first = capsys.readouterr().out
    entrants = [json.loads(line).get("entrant") for line in first.splitlines()]
    assert [name for name in entrants if name in ("good", "bad")] == ["good", "bad"]
    assert tournament([str(archive)], ["CartPole-v1"], {"episodes": 5}, TrainingOptions(steps=1, num_seeds=1), **options) == 0
    assert capsys.readouterr().out == first


def test_a_league_takes_an_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    archive = archive_of(tmp_path / "pack.zip", good=1.0)
    add(tmp_path / "league", [f"theirs={archive}"], ["CartPole-v1"], {"episodes": 5}, mode="json")
    players = [json.loads(line)["player"] for line in capsys.readouterr().out.splitlines()]
    assert players == ["random", "theirs"]


def test_a_policy_of_an_archive_is_tried_like_any_other(tmp_path: Path):
    write_archive(tmp_path / "pack.zip", {"policies/p.onnx": b"no policy"})
    with pytest.raises(ArenaError, match="is not an ONNX file"):
        add(tmp_path / "league", [str(tmp_path / "pack.zip")], ["CartPole-v1"], {"episodes": 5}, mode="quiet")


def test_policy_files_are_not_packed(tmp_path: Path):
    (tmp_path / "p.onnx").write_bytes(b"")
    with pytest.raises(ArenaError, match="is shared as it is"):
        pack([str(tmp_path / "p.onnx")], tmp_path / "pack.zip", None, mode="quiet")
