"""Errors of the operating system as sentences that name the file and a remedy, and files that a user asks a command to write."""

import errno
import os
from pathlib import Path

from arena.errors import ArenaError
from arena.formats.disk import full_disk_reason
from arena.formats.folders import refuse_link
from arena.formats.json import write_bytes

_ABOUT_A_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP})
"""Errors that tell a user nothing without the name of the file."""
_REMEDIES = {
    errno.EACCES: "change its permissions, or give another place",
    errno.EPERM: "change its permissions, or give another place",
    errno.EROFS: "give another place",
    errno.ENOENT: "check the name",
    errno.ENOTDIR: "a part of the path is a file and no folder; check the name",
    errno.EISDIR: "give the name of a file",
    errno.EEXIST: "delete it, or give another name",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.ELOOP: "links lead in a circle; give another path",
    errno.EMFILE: "raise the limit of open files (ulimit -n), or take fewer workers (--workers)",
    errno.ENFILE: "the machine has too many open files; end other programs",
    errno.ENOMEM: "end other programs, or take fewer workers (--workers)",
    errno.EAGAIN: "the limit of processes is reached (ulimit -u); take fewer workers (--workers)",
    errno.EIO: "the disk or the network behind it fails; look at the system's log",
    errno.ESTALE: "the network file system has lost the file; repeat the command",
}


def system_error_sentence(error: OSError) -> str | None:
    """Returns what an error of the operating system says and what to do about it; None for one that only a programmer can act on.

    Args:
        error: Error of a file or a process.
    """
    if reason := full_disk_reason(error):
        return f"{reason}; free some space, and repeat the command"
    is_named = isinstance(error.filename, (str, bytes))
    if error.errno not in _REMEDIES or (error.errno in _ABOUT_A_FILE and not is_named):
        return None
    where = f"{os.fsdecode(error.filename)}: " if is_named else ""
    return f"{where}{os.strerror(error.errno)}; {_REMEDIES[error.errno]}"


def refuse_unwritable(path: Path) -> None:
    """Refuses a file that could not be written, before the work whose outcome it would hold; makes nothing.

    Args:
        path: File that a user asks for; folders that lead to it may be missing.

    Raises:
        ArenaError: If it is a link or a folder, its name is too long, or the nearest existing folder above it is not writable; says which.
    """
    try:
        _refuse_unwritable(path)
    except OSError as error:
        raise ArenaError(f"cannot write {path}: {system_error_sentence(error) or error}") from error


def _refuse_unwritable(path: Path) -> None:
    refuse_link(path)
    if path.is_dir():
        raise ArenaError(f"cannot write {path}: it is a folder; give the name of a file")
    for folder in path.absolute().parents:
        if folder.is_dir():
            if not os.access(folder, os.W_OK | os.X_OK):
                raise ArenaError(f"cannot write {path}: the folder {folder} is not writable; give another place")
            return
        if folder.exists():
            raise ArenaError(f"cannot write {path}: {folder} is a file and no folder; give another place")


def write_output(path: Path, content: bytes) -> None:
    """Writes a file that a user asks for, atomically, and makes the folders that lead to it.

    Raises:
        ArenaError: If it cannot be written; gives the reason of the operating system.
    """
    refuse_unwritable(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
    except OSError as error:
        raise ArenaError(f"cannot write {path}: {system_error_sentence(error) or error}") from error
