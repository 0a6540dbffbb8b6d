"""Run folders on their way between machines, while they are written."""

import os
import shutil
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena.errors import ArenaError
from arena.executors.storage import Storage
from arena.executors.transfer import FolderWatch, Piece, lay_down, read_folder
from arena.formats.json import write_bytes, write_json
from arena.run_folder.checkpoint_seal import check_seal, write_seal
from arena.run_folder.folder import RunDir

SEGMENT = b"transitions that never change"
NAMES = ("episodes.jsonl", "worker.log", "policy.onnx")
STEP = st.one_of(
    st.tuples(st.just("append"), st.sampled_from(NAMES), st.binary(max_size=20)),
    st.tuples(st.just("cut"), st.sampled_from(NAMES), st.integers(0, 10)),
    st.tuples(st.just("replace"), st.sampled_from(NAMES), st.binary(max_size=20)),
    st.tuples(st.just("checkpoint"), st.just(""), st.binary(max_size=20)),
    st.tuples(st.just("look"), st.just(""), st.none()),
)


def contents(path: Path) -> dict[str, bytes]:
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def commit(run_dir: RunDir, env_steps: int, content: bytes) -> None:
    directory, previous = run_dir.new_checkpoint(env_steps), run_dir.latest_checkpoint()
    segments = directory / "agent" / "segments"
    if previous is not None:
        shutil.copytree(previous / "agent" / "segments", segments, copy_function=os.link)
    segments.mkdir(parents=True, exist_ok=True)
    (segments / f"{env_steps}.npz").write_bytes(SEGMENT + bytes([env_steps]))
    (directory / "agent" / "weights.npz").write_bytes(content)
    write_json(directory / "training.json", {"episodes": run_dir.episodes.stat().st_size if run_dir.episodes.exists() else 0})
    write_seal(run_dir.folder, f"checkpoint/{directory.name}")
    run_dir.commit_checkpoint(directory, previous)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
@given(steps=st.lists(STEP, max_size=8), appends=st.booleans())
def test_a_copy_equals_the_folder_after_any_changes(tmp_path_factory: pytest.TempPathFactory, steps, appends: bool) -> None:
    path, copy = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("copy")
    watch = FolderWatch(path, appends=appends)
    for number, (action, name, value) in enumerate(steps):
        file = path / name
        if action == "append":
            with file.open("ab") as stream:
                stream.write(value)
        elif action == "cut" and file.exists():
            write_bytes(file, file.read_bytes()[:value])
        elif action == "replace":
            write_bytes(file, value)
        elif action == "checkpoint":
            commit(RunDir(path), number, value)
        elif action == "look":
            lay_down(copy, watch.changes(ended=False))
    lay_down(copy, watch.changes(ended=False))
    assert contents(copy) == contents(path)
    assert watch.changes(ended=False) == []
    assert not watch.has_new_checkpoint()


def test_what_has_grown_is_told_by_its_new_end_alone(tmp_path: Path) -> None:
    episodes = tmp_path / "episodes.jsonl"
    episodes.write_bytes(b"1\n")
    watch = FolderWatch(tmp_path, [Piece("episodes.jsonl", b"1\n")])
    assert watch.changes(ended=False) == []
    episodes.write_bytes(b"1\n2\n")
    assert watch.changes(ended=False) == [Piece("episodes.jsonl", b"2\n", 2)]


def test_the_result_comes_last_and_only_once_the_worker_has_ended(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text("{}")
    (tmp_path / "worker.log").write_text("bye")
    (tmp_path / ".lock").write_text("")
    commit(RunDir(tmp_path), 5, b"w")
    assert [piece.name for piece in FolderWatch(tmp_path).changes(ended=False)][-1] == "checkpoint/latest.json"
    names = [piece.name for piece in read_folder(tmp_path)]
    files = ("agent/segments/5.npz", "agent/weights.npz", "manifest.json", "training.json")
    checkpoint = [f"checkpoint/env-steps-5/{name}" for name in files]
    assert names == ["worker.log", *checkpoint, "checkpoint/latest.json", "result.json"]


def test_what_checkpoints_share_is_sent_once_and_stored_once(tmp_path: Path) -> None:
    path, copy = tmp_path / "run", tmp_path / "copy"
    path.mkdir()
    watch, num_sent = FolderWatch(path), []
    for number in (1, 2, 3):
        commit(RunDir(path), number, b"w")
        pieces = watch.changes(ended=False)
        num_sent.append(sum(piece.content.startswith(SEGMENT) for piece in pieces))
        lay_down(copy, pieces)
    assert num_sent == [1, 1, 1]
    assert contents(copy) == contents(path)
    newest, before = RunDir(copy).checkpoints()
    assert (newest / "agent" / "segments" / "1.npz").samefile(before / "agent" / "segments" / "1.npz")
    for checkpoint in (newest, before):
        check_seal(RunDir(copy).folder, f"checkpoint/{checkpoint.name}")


def test_a_whole_folder_brings_both_checkpoints(tmp_path: Path) -> None:
    path, copy = tmp_path / "run", tmp_path / "copy"
    path.mkdir()
    for number in (1, 2, 3):
        commit(RunDir(path), number, b"w")
    lay_down(copy, read_folder(path))
    assert [checkpoint.name for checkpoint in RunDir(copy).checkpoints()] == ["env-steps-3", "env-steps-2"]
    assert contents(copy) == contents(path)


def test_every_copy_of_a_folder_at_work_is_one_to_go_on_from(tmp_path: Path) -> None:
    """A checkpoint counts on as many bytes of `episodes.jsonl` as it says; checkpoints are dropped while they are read."""
    path, copy = tmp_path / "run", tmp_path / "copy"
    path.mkdir()
    run_dir, ended = RunDir(path), threading.Event()

    def work() -> None:
        with run_dir.episodes.open("ab", buffering=0) as file:
            for number in range(40):
                file.write(b"x" * 50 + b"\n")
                commit(run_dir, number, bytes([number]) * 10_000)
        ended.set()

    thread = threading.Thread(target=work)
    thread.start()
    watch, seen = FolderWatch(path), set()
    while not (last := ended.is_set()) or watch.has_new_checkpoint():
        lay_down(copy, watch.changes(ended=last))
        checkpoint = RunDir(copy).latest_checkpoint()
        if checkpoint is not None:
            seen.add(checkpoint.name)
            number = int(checkpoint.name.rpartition("-")[2])
            assert (checkpoint / "agent" / "weights.npz").read_bytes() == bytes([number]) * 10_000
            assert (copy / "episodes.jsonl").stat().st_size >= 51 * (number + 1)
            names = [each.name for each in RunDir(copy).checkpoints()]
            assert sorted(folder.name for folder in checkpoint.parent.iterdir() if folder.is_dir()) == sorted(names)
            for name in names:
                check_seal(RunDir(copy).folder, f"checkpoint/{name}")
    thread.join()
    assert len(seen) > 1
    assert contents(copy) == contents(path)


def test_a_gap_is_refused(tmp_path: Path) -> None:
    (tmp_path / "worker.log").write_bytes(b"ab")
    with pytest.raises(OSError, match="ends before byte 3"):
        lay_down(tmp_path, [Piece("worker.log", b"d", 3)])
    lay_down(tmp_path, [Piece("worker.log", b"cd", 2)])
    lay_down(tmp_path, [Piece("worker.log", b"cd", 2)])
    assert (tmp_path / "worker.log").read_bytes() == b"abcd", "the same piece twice changes nothing"


@pytest.mark.extra
def test_a_storage_gives_back_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.mkdir()
    (path / "episodes.jsonl").write_bytes(b"1\n")
    storage, watch = Storage((tmp_path / "store").as_uri()), FolderWatch(path, appends=False)
    assert (storage.read("a/b"), storage.read_checkpoint("a/b")) == ([], [])
    for number in (1, 2):
        commit(RunDir(path), number, b"w" * number)
        with (path / "episodes.jsonl").open("ab") as file:
            file.write(b"2\n")
        storage.write("a/b", watch.changes(ended=number == 2))
    lay_down(tmp_path / "copy", [*storage.read("a/b"), *storage.read_checkpoint("a/b")])
    assert contents(tmp_path / "copy") == contents(path) == contents(tmp_path / "store" / "a" / "b")


@pytest.mark.extra
@pytest.mark.parametrize("uri", ["nowhere://x", "relative/path"])
def test_a_wrong_uri_is_refused(uri: str) -> None:
    with pytest.raises(ArenaError, match=f"cannot use the storage '{uri}'"):
        Storage(uri)
