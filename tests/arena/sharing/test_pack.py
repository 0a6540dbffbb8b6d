import json
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from arena.errors import ArenaError
from arena.experiment.file import from_table
from arena.formats.archives import read_archive, write_archive
from arena.formats.json import json_line
from arena.policies.metadata import PolicyMetadata, space_metadata, write_metadata
from arena.policies.onnx_network import Dense, PolicyNetwork
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult
from arena.run_folder.schema import write_result, write_run
from arena.sharing.card import licence_text
from arena.sharing.pack import write_pack
from arena.sharing.unpack import unpacked

SPACE, ACTIONS = gym.spaces.Box(-4.0, 4.0, (4,), np.float32), gym.spaces.Discrete(2)


def finished(folder: Path, seed: int = 0, status: str = "finished") -> RunRecord:
    """Returns the record of a run that has ended, with one selection and the final evaluation."""
    table = {"name": "t", "agents": ["arena.testing.fakes:FAKE_AGENT"], "envs": ["CartPole-v1"], "seeds": seed + 1}
    run = list(from_table(table).runs())[seed]
    files = RunDir(folder / run.name)
    files.folder.make()
    write_run(files, run)
    PolicyNetwork([Dense(np.ones((4, 2), np.float32), np.zeros(2, np.float32))], SPACE, ACTIONS).export(files.policy)
    observations, actions = space_metadata(SPACE, ACTIONS)
    write_metadata(files.policy, PolicyMetadata(observations=observations, actions=actions))
    rows = [
        {"kind": kind, "env_steps": 100, "episode_return_mean": 2.0, "episode_returns": [1.0, 2.0, 3.0], "episode_lengths": [1, 2, 3]}
        for kind in ("selection", "final")
    ]
    files.evaluations.write_text("".join(json_line(row) for row in rows))
    files.evaluation_times.write_text(json_line({"train_seconds": 1.0}) * 2)
    files.episodes.write_text("")
    write_result(
        files, RunResult(status=status, agent=run.agent.name, env="CartPole-v1", seed=seed, path=str(files.path), reason="the | end")
    )
    return RunRecord(files.path)


def test_an_archive_holds_policies_card_and_scores_with_intervals(tmp_path: Path):
    records = [finished(tmp_path, seed) for seed in (0, 1)]
    path = tmp_path / "pack.zip"
    packed = write_pack(records, path, "CC-BY-4.0")
    contents = read_archive(path)
    assert list(contents) == ["README.md", "pack.json", *(policy.file for policy in packed), *(policy.curve_file for policy in packed)]
    assert contents[packed[1].file] == records[1].files.policy.read_bytes()
    manifest = json.loads(contents["pack.json"])
    assert [row["seed"] for row in manifest["policies"]] == [0, 1]
    assert manifest["policies"][0]["score"]["mean"]["value"] == 2.0
    card = contents["README.md"].decode()
    assert card.startswith("---\nlicense: CC-BY-4.0\nlibrary_name: onnx\n")
    assert "| 2.0 | \N{MINUS SIGN}0.5 to 4.5 |" in card
    assert "| 100 | 2.0 |" in card
    assert f"]({packed[0].curve_file})" in card


def test_equal_runs_make_equal_archives(tmp_path: Path):
    for name in ("a", "b"):
        write_pack([finished(tmp_path / name)], tmp_path / f"{name}.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_licence_can_be_a_file(tmp_path: Path):
    (tmp_path / "OURS.txt").write_text("do what you like")
    write_pack([finished(tmp_path)], tmp_path / "pack.zip", str(tmp_path / "OURS.txt"))
    contents = read_archive(tmp_path / "pack.zip")
    assert contents["LICENSE"] == b"do what you like"
    assert b"Licence: OURS.txt" in contents["README.md"]
    with pytest.raises(ArenaError, match=r"there is no file THEIRS\.txt; a licence is a file with its text, or a name such as MIT"):
        write_pack([finished(tmp_path / "x")], tmp_path / "other.zip", "THEIRS.txt")


@pytest.mark.parametrize("name", ["MIT/Apache-2.0", "https://opensource.org/licenses/MIT", "CC-BY-4.0"])
def test_a_licence_can_be_a_name_with_a_slash(name: str):
    assert licence_text(name) == (name, None)


def test_what_cannot_be_packed_is_refused_and_nothing_is_written(tmp_path: Path):
    path = tmp_path / "pack.zip"
    with pytest.raises(ArenaError, match=r"has not finished \(diverged\)"):
        write_pack([finished(tmp_path / "x", status="diverged")], path)
    with pytest.raises(ArenaError, match=r"must end with \.zip"):
        write_pack([], tmp_path / "pack.tar")
    assert not path.exists()
    record = finished(tmp_path / "y")
    write_pack([record], path)
    with pytest.raises(ArenaError, match="is there already"):
        write_pack([record], path)


def test_archives_become_policy_files_for_a_while(tmp_path: Path):
    path = tmp_path / "pack.zip"
    packed = write_pack([finished(tmp_path, seed) for seed in (0, 1)], path)
    with unpacked(["other.onnx", f"theirs={path}", str(path)]) as arguments:
        names = [argument.partition("=")[0] for argument in arguments]
        stems = [policy.name for policy in packed]
        assert names == ["other.onnx", *(f"theirs-{stem}" for stem in stems), *stems]
        copies = [Path(argument.partition("=")[2]) for argument in arguments[1:]]
        assert copies[0].read_bytes() == packed[0].content
    assert not any(copy.exists() for copy in copies)


def test_an_archive_without_policies_is_refused(tmp_path: Path):
    write_archive(tmp_path / "x.zip", {"README.md": b""})
    with pytest.raises(ArenaError, match="holds no policy"), unpacked([str(tmp_path / "x.zip")]):
        pass
