import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.formats import locks
from arena.formats.locks import FolderBusy, FolderLock, is_locked

HOLDER = """
import sys, pathlib
from arena.formats.locks import FolderLock
FolderLock(pathlib.Path(sys.argv[1]))  # kept by nobody: it must hold to the end of the process all the same
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_lock_keeps_everyone_else_out_until_it_is_released(tmp_path: Path):
    assert not is_locked(tmp_path)
    with FolderLock(tmp_path) as lock:
        assert is_locked(tmp_path)
        with pytest.raises(FolderBusy, match="another arena is at work in"):
            FolderLock(tmp_path, wait_seconds=0.0)
    lock.release()
    assert not is_locked(tmp_path)
    FolderLock(tmp_path, wait_seconds=0.0).release()


@pytest.mark.worker
def test_the_lock_of_a_killed_process_is_free(holder: subprocess.Popen[str], tmp_path: Path):
    assert is_locked(tmp_path)
    holder.kill()
    holder.wait()
    assert not is_locked(tmp_path)


def test_a_lock_is_waited_for_as_long_as_was_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    held = FolderLock(tmp_path)
    attempts: list[float] = []

    def sleep(seconds: float) -> None:
        attempts.append(seconds)
        if len(attempts) == 3:
            held.release()

    monkeypatch.setattr(time, "sleep", sleep)
    FolderLock(tmp_path, wait_seconds=60.0).release()
    assert len(attempts) == 3


def test_a_look_does_not_disturb_one_that_takes_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / ".lock").touch()
    descriptor = os.open(tmp_path / ".lock", os.O_RDONLY)
    locks.fcntl.flock(descriptor, locks.fcntl.LOCK_SH)  # what `is_locked` of another process does for a moment
    assert not is_locked(tmp_path)
    monkeypatch.setattr(time, "sleep", lambda seconds: os.close(descriptor))
    FolderLock(tmp_path).release()


def test_looking_makes_no_file(tmp_path: Path):
    assert not is_locked(tmp_path)
    assert not is_locked(tmp_path / "missing")
    assert list(tmp_path.iterdir()) == []


def test_a_link_planted_as_the_lock_is_refused_and_destroys_nothing(tmp_path: Path):
    precious = tmp_path / "precious"
    precious.write_text("content")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / ".lock").symlink_to(precious)
    with pytest.raises(ArenaError, match=r"\.lock is a link"):
        FolderLock(folder)
    assert not is_locked(folder)
    (folder / ".lock").unlink()
    os.link(precious, folder / ".lock")
    FolderLock(folder).release()
    assert precious.read_text() == "content"


def test_a_dangling_link_makes_no_file_elsewhere(tmp_path: Path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / ".lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArenaError, match=r"\.lock is a link"):
        FolderLock(folder)
    assert not (tmp_path / "elsewhere").exists()


def test_what_is_not_a_regular_file_is_refused_without_blocking(tmp_path: Path):
    os.mkfifo(tmp_path / ".lock")
    with pytest.raises(ArenaError, match="is not a regular file"):
        FolderLock(tmp_path)
    assert not is_locked(tmp_path)
    (tmp_path / ".lock").unlink()
    (tmp_path / ".lock").mkdir()
    with pytest.raises(ArenaError, match=r"cannot write the lock .*: Is a directory"):
        FolderLock(tmp_path)


def test_a_platform_without_locks_gets_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(locks, "fcntl", None)
    for use in (FolderLock, is_locked):
        with pytest.raises(ArenaError, match="this platform has no file locks"):
            use(tmp_path)


@pytest.mark.worker
def test_the_module_is_imported_where_fcntl_is_missing(tmp_path: Path):
    code = "import sys; sys.modules['fcntl'] = None; import arena.formats.locks"
    subprocess.run([sys.executable, "-c", code], check=True)
