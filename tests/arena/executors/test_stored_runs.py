"""Runs that a storage has a record of, here a storage of this process: fetched, left to be run, or refused."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.executors.base import Ended, Task
from arena.executors.stored_runs import StoredRuns, location
from arena.executors.transfer import Piece, read_folder
from arena.run_folder.record import RunRecord

NAME = "random/CartPole-v1/seed-1"
URI = "s3://bucket/runs"
THERE = f"{URI}/test/{NAME}"
WriteRun = Callable[..., Path]


class FakeStorage:
    """A storage with the files of one run."""

    def __init__(self, pieces: list[Piece]) -> None:
        self.pieces = pieces

    def read(self, folder: str) -> list[Piece]:
        return list(self.pieces) if folder == f"test/{NAME}" else []


@pytest.fixture
def task(tmp_path: Path, write_run: WriteRun) -> Task:
    """The run as a driver that has not begun it has it, and the finished run at `tmp_path / "stored"`."""
    stored = write_run(tmp_path / "stored", "random", "CartPole-v1", 1)
    run_dir = tmp_path / "driver" / "test" / NAME
    run_dir.mkdir(parents=True)
    shutil.copy(stored / "run.json", run_dir)
    return Task(name=NAME, run_dir=run_dir, process_env={}, threads=1, timeout_seconds=1.0)


@pytest.fixture
def pieces(task: Task, tmp_path: Path) -> list[Piece]:
    return read_folder(tmp_path / "stored" / NAME)


def fetch(task: Task, pieces: list[Piece]) -> Ended | None:
    return StoredRuns(FakeStorage(pieces), URI).fetch(task)


def changed(pieces: list[Piece], name: str, content: bytes) -> list[Piece]:
    assert name in [piece.name for piece in pieces]
    return [dataclasses.replace(piece, content=content) if piece.name == name else piece for piece in pieces]


def test_a_finished_run_is_fetched(task: Task, pieces: list[Piece]) -> None:
    assert fetch(task, pieces) == Ended(timed_out=False, exit_code=0)
    assert read_folder(task.run_dir) == pieces
    result = RunRecord(task.run_dir).result
    assert result is not None
    assert result.status == "finished"


def test_a_run_that_is_not_there_is_to_be_run(task: Task) -> None:
    before = read_folder(task.run_dir)
    assert fetch(task, []) is None
    assert read_folder(task.run_dir) == before


def test_a_run_that_has_not_ended_is_to_be_run(task: Task, pieces: list[Piece]) -> None:
    before = read_folder(task.run_dir)
    assert fetch(task, [piece for piece in pieces if piece.name != "result.json"]) is None
    assert read_folder(task.run_dir) == before


def test_a_run_that_has_failed_is_to_be_run(task: Task, tmp_path: Path, write_run: WriteRun) -> None:
    failed = write_run(tmp_path / "failed", "random", "CartPole-v1", 1, status="crashed")
    before = read_folder(task.run_dir)
    assert fetch(task, read_folder(failed)) is None
    assert read_folder(task.run_dir) == before


@pytest.mark.parametrize("name", ["run.json", "result.json", "evaluations.jsonl", "policy.onnx"])
@pytest.mark.parametrize("damage", ["torn", "edited", "emptied"])
def test_a_damaged_record_is_named_by_its_place_and_nothing_is_run_or_fetched(
    task: Task, pieces: list[Piece], name: str, damage: str
) -> None:
    content = next(piece.content for piece in pieces if piece.name == name)
    edited = content.replace(b"1", b"2", 1) if name.endswith(("json", "jsonl")) else content[:-1] + bytes([content[-1] ^ 1])
    after = {"torn": content[: len(content) // 2], "edited": edited, "emptied": b""}[damage]
    assert after != content
    before = read_folder(task.run_dir)
    ended = fetch(task, changed(pieces, name, after))
    assert ended is not None
    assert ended.exit_code == 1
    assert ended.damaged.startswith("its copy in the storage cannot be read (")
    assert THERE in ended.damaged.partition("; delete")[0], "the storage's place, not that of a temporary copy"
    assert ended.damaged.endswith(f"; delete {THERE} to run it anew")
    assert read_folder(task.run_dir) == before


@pytest.mark.parametrize("name", ["evaluations.jsonl", "policy.onnx"])
def test_a_record_with_a_file_missing_is_damaged(task: Task, pieces: list[Piece], name: str) -> None:
    ended = fetch(task, [piece for piece in pieces if piece.name != name])
    assert ended is not None
    assert name in ended.damaged


def test_another_run_in_its_place_is_refused(task: Task, tmp_path: Path, write_run: WriteRun) -> None:
    other = write_run(tmp_path / "other", "random", "CartPole-v1", 1, inputs={"experiment_seed": 7})
    with pytest.raises(ArenaError, match=f"{URI} holds a run test/{NAME} with other inputs; give the experiment another name"):
        fetch(task, read_folder(other))


def test_the_place_of_a_run_is_named_by_experiment_and_run(task: Task) -> None:
    assert location(task) == f"test/{NAME}"
