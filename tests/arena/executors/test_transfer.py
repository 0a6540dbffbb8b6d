"""Run folders on their way between machines, while they are written."""

import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena.errors import ArenaError
from arena.executors.storage import Storage
from arena.executors.transfer import FolderWatch, Piece, lay_down, read_folder
from arena.formats.json import write_bytes, write_json
from arena.run_folder.folder import RunDir

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
    directory = run_dir.new_checkpoint(env_steps)
    (directory / "agent").mkdir()
    (directory / "agent" / "weights.npz").write_bytes(content)
    write_json(directory / "training.json", {"episodes": run_dir.episodes.stat().st_size if run_dir.episodes.exists() else 0})
    run_dir.commit_checkpoint(directory)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
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
    checkpoint = ["checkpoint/env-steps-5/agent/weights.npz", "checkpoint/env-steps-5/training.json", "checkpoint/latest.json"]
    assert names == ["worker.log", *checkpoint, "result.json"]


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
            assert [folder.name for folder in checkpoint.parent.iterdir() if folder.is_dir()] == [checkpoint.name]
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
