"""Full disks: told by any of their errors, and looked at before a write."""

import errno
import os
from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.formats import disk
from arena.formats.disk import FULL, DiskFull, free_bytes, full_disk_reason, require_room


def raised(error: BaseException, *, cause: BaseException | None = None, context: BaseException | None = None) -> BaseException:
    error.__cause__, error.__context__ = cause, context
    return error


@pytest.mark.parametrize("number", sorted(FULL))
def test_a_write_without_room_is_told_with_its_file(number: int):
    error = OSError(number, os.strerror(number), "/runs/episodes.jsonl")
    assert full_disk_reason(error) == f"the disk is full: {os.strerror(number)}: /runs/episodes.jsonl"
    assert full_disk_reason(OSError(number, "")) == f"the disk is full: {os.strerror(number)}"


def test_the_error_behind_another_is_found():
    full = OSError(errno.ENOSPC, "")
    assert full_disk_reason(raised(ValueError("cannot export"), cause=full)) is not None
    assert full_disk_reason(raised(ValueError("cannot export"), context=raised(KeyError("x"), context=full))) is not None
    assert full_disk_reason(RuntimeError("write failed: No space left on device")) == "the disk is full: No space left on device"
    assert full_disk_reason(DiskFull("the disk is full: so it is")) == "the disk is full: so it is"


def test_other_errors_are_no_full_disk():
    circle = ValueError("a")
    circle.__context__ = raised(KeyError("b"), context=circle)
    for error in (circle, OSError(errno.EACCES, "Permission denied"), ArenaError("no agent"), MemoryError()):
        assert full_disk_reason(error) is None


def test_free_space_is_that_of_the_folder_or_of_the_next_above_it(tmp_path: Path):
    assert free_bytes(tmp_path / "not" / "yet" / "there") > 0
    require_room(tmp_path, 1, "a checkpoint")


def test_too_little_room_is_told_with_both_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(disk, "free_bytes", lambda path: 2_500_000)
    with pytest.raises(DiskFull) as caught:
        require_room(tmp_path, 4_000_000, "a checkpoint")
    assert str(caught.value) == f"the disk is full: a checkpoint takes about 4.0 MB, and 2.5 MB are free at {tmp_path}; free some space"


def test_a_read_only_file_system_is_not_called_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    status = os.statvfs(tmp_path)
    read_only = os.statvfs_result((*status[:8], status.f_flag | os.ST_RDONLY, status.f_namemax))
    monkeypatch.setattr(os, "statvfs", lambda path: read_only)
    with pytest.raises(ArenaError, match="lies on a file system that is read-only; give another place"):
        require_room(tmp_path / "not" / "yet", 1, "an experiment")
