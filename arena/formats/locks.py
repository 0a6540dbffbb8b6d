"""The lock of folders: a process that works in a folder holds a lock on the file `.lock` there.

The operating system releases the lock when the process ends, however it ends. The file stays, and stays empty. It is opened without being
cut, and nothing but a regular file is accepted: a link planted as `.lock` can neither lead out of the folder nor destroy what it points to.
"""

import os
import stat
import time
from pathlib import Path
from typing import Self

from arena.errors import ArenaError

try:
    import fcntl
except ImportError:  # Windows: everything that needs no lock still works
    fcntl = None  # type: ignore[assignment]

LOCK_NAME = ".lock"
"""Name of the lock's file in every folder that is locked."""
CLAIM_NAME = ".claim"
"""Name of the lock in a run folder by which an arena claims the run, before a worker of it holds the folder itself."""
LOOK_SECONDS = 0.25
"""Seconds to wait for a lock by default: `is_locked` in another process holds it for a moment."""
RETRY_SECONDS = 0.05
"""Seconds between two attempts to take a lock."""


class FolderBusy(ArenaError):
    """Raised when another process holds the lock of a folder."""


class FolderLock:
    """Exclusive lock of a folder, held until `release` or the end of the process; also a context manager that releases it.

    Args:
        folder: an existing folder.
        wait_seconds: longest time to wait while another process holds the lock.
        name: name of the lock's file.

    Raises:
        FolderBusy: if another process holds the lock for longer than that.
        ArenaError: if the file cannot be opened, is a link or not a regular file, or if the platform or file system has no such locks.
    """

    def __init__(self, folder: Path, *, wait_seconds: float = LOOK_SECONDS, name: str = LOCK_NAME) -> None:
        self._descriptor: int | None = _open(folder / name)
        try:
            _wait(folder, self._descriptor, wait_seconds)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Releases the lock; may be called twice."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()


def is_locked(folder: Path, name: str = LOCK_NAME) -> bool:
    """Returns whether a process holds the lock `name` of `folder`; makes and changes nothing.

    A folder without a lock file, or with one that cannot be read, counts as free: no process of this program can hold its lock.
    """
    _require_locks(folder)
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # a pipe in its place must not block
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two that look at once do not see each other
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def _open(path: Path) -> int:
    _require_locks(path.parent)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except OSError as error:
        if path.is_symlink():
            raise ArenaError(f"{path} is a link, which the arena never makes; delete it") from error
        raise ArenaError(f"cannot write the lock {path}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ArenaError(f"{path} is not a regular file, so it cannot be a lock; delete it")
    return descriptor


def _wait(folder: Path, descriptor: int, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise FolderBusy(
                    f"another arena is at work in {folder}; wait until it ends, or choose another folder with --name or --output"
                ) from None
        except OSError as error:  # some network file systems have no locks
            raise ArenaError(f"cannot lock {folder}: {error.strerror}; choose a folder on a local disk with --output") from error
        time.sleep(RETRY_SECONDS)


def _require_locks(folder: Path) -> None:
    if fcntl is None:
        raise ArenaError(f"cannot lock {folder}: this platform has no file locks (Python's `fcntl`); use Linux, macOS or WSL")
