"""Run folders at a storage URI, here of the local file system."""

import json
import sys
from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.executors.storage import Storage
from arena.executors.transfer import POINTER, Piece

pytestmark = pytest.mark.extra

RUN = Piece("run.json", b"{}")


def checkpoint(name: str, previous: str | None = None) -> list[Piece]:
    pointer = {"directory": name} | ({"previous": previous} if previous else {})
    return [Piece(f"checkpoint/{name}/training.json", name.encode()), Piece(POINTER, json.dumps(pointer).encode())]


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(f"file://{tmp_path}/runs")


def test_a_folder_that_does_not_exist_has_no_files(storage: Storage):
    assert storage.read("x/a") == storage.read_checkpoint("x/a") == []


def test_files_come_back_as_written_and_checkpoints_apart(storage: Storage, tmp_path: Path):
    log = Piece("snapshots/one.onnx", b"\0\n")
    storage.write("x/a", [RUN, log, *checkpoint("env-steps-5")])
    assert storage.read("x/a") == [RUN, log]
    assert storage.read_checkpoint("x/a") == checkpoint("env-steps-5")
    assert storage.read("x/b") == [], "another run's folder"
    assert not list((tmp_path / "runs").rglob("*.tmp"))


def test_the_pointer_to_a_checkpoint_drops_those_before_it(storage: Storage, tmp_path: Path):
    storage.write("a", checkpoint("env-steps-5"))
    storage.write("a", checkpoint("env-steps-9")[:1])
    assert storage.read_checkpoint("a") == checkpoint("env-steps-5"), "the new one counts once its pointer is there"
    storage.write("a", checkpoint("env-steps-9")[1:])
    assert storage.read_checkpoint("a") == checkpoint("env-steps-9")
    assert [path.name for path in (tmp_path / "runs" / "a" / "checkpoint").iterdir() if path.is_dir()] == ["env-steps-9"]


def test_the_checkpoint_before_is_kept_where_the_pointer_names_it_and_what_is_the_same_is_copied(storage: Storage, tmp_path: Path):
    for name, previous in (("1", None), ("2", "1"), ("3", "2")):
        training, pointer = checkpoint(name, previous)
        same = (
            [Piece(f"checkpoint/{name}/rows", b"", same_as=f"checkpoint/{previous}/rows")]
            if previous
            else [Piece("checkpoint/1/rows", b"r")]
        )
        storage.write("a", [*same, training, pointer])
    rows = [Piece(f"checkpoint/{name}/rows", b"r") for name in "23"]
    (older, _), (newest, pointer) = checkpoint("2", "1"), checkpoint("3", "2")
    assert storage.read_checkpoint("a") == [rows[0], older, rows[1], newest, pointer]
    assert sorted(path.name for path in (tmp_path / "runs" / "a" / "checkpoint").iterdir() if path.is_dir()) == ["2", "3"]


def test_half_a_checkpoint_and_files_under_way_are_not_read(storage: Storage, tmp_path: Path):
    storage.write("a", [RUN, *checkpoint("env-steps-5")[:1]])
    (tmp_path / "runs" / "a" / ".run.json.tmp").write_bytes(b"half")
    assert storage.read_checkpoint("a") == []
    assert storage.read("a") == [RUN]


def test_a_uri_that_cannot_be_used_is_named():
    with pytest.raises(
        ArenaError, match=r"cannot use the storage 'nowhere://runs' \(.+\); give a URI such as file:///runs or s3://bucket/runs"
    ):
        Storage("nowhere://runs")


def test_a_missing_pyarrow_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ArenaError, match=r"storage needs pyarrow, which is not installed: .*ray"):
        Storage("file:///runs")
