"""Free space of disks, and the errors of one that is full."""

import contextlib
import errno
import os
from pathlib import Path

from arena.errors import ArenaError

SPARE_BYTES = 2**24
"""Free bytes below which nothing is begun: records, logs and the first policies of a run take a few megabytes."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Error numbers of a write that found no room: the disk is full, the user's quota is used up, or files may not become as large."""
_WORDS = ("No space left on device", "Disk quota exceeded", "File too large")


class DiskFull(ArenaError):
    """Raised before a write for which the disk has too little room."""


def free_bytes(path: Path) -> int:
    """Returns the bytes that this user may still write on the disk of `path`, or of the nearest folder above it that exists."""
    for folder in (path, *path.absolute().parents):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            status = os.statvfs(folder)
            return status.f_bavail * status.f_frsize
    raise ArenaError(f"no folder above {path} exists")


def require_room(path: Path, num_bytes: int, what: str) -> None:
    """Refuses to begin a write that would find no room.

    Args:
        path: file or folder on the disk.
        num_bytes: bytes that will be written.
        what: subject of the sentence, such as `a checkpoint`.

    Raises:
        DiskFull: if fewer bytes are free.
        ArenaError: if the file system is read-only, which has no free bytes for another reason.
    """
    _refuse_read_only(path)
    free = free_bytes(path)
    if free < num_bytes:
        raise DiskFull(f"the disk is full: {what} takes about {_size(num_bytes)}, and {_size(free)} are free at {path}; free some space")


def _refuse_read_only(path: Path) -> None:
    for folder in (path, *path.absolute().parents):
        if folder.exists():
            if os.statvfs(folder).f_flag & os.ST_RDONLY:
                raise ArenaError(f"{path} lies on a file system that is read-only; give another place, with --output")
            return


def full_disk_reason(error: BaseException) -> str | None:
    """Returns the sentence about a full disk if that is what an error, or one that led to it, says; None for any other error."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, DiskFull):
            return str(each)
        if isinstance(each, OSError) and each.errno in FULL:
            return f"the disk is full: {os.strerror(each.errno)}" + (f": {each.filename}" if each.filename else "")
        if said := next((words for words in _WORDS if words in str(each)), None):
            return f"the disk is full: {said}"  # a framework's own exception
        waiting += [each.__cause__, each.__context__]
    return None


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:,.1f} MB"
