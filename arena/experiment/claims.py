"""Claims of runs: several arenas may work on one experiment at once, on one machine or several, and each run belongs to one of them.

A claim is a lock in the run's folder. It ends with the process that holds it, however that ends; another arena then resumes the run.
"""

import os
import platform
from pathlib import Path
from typing import Self

from arena.errors import ArenaError
from arena.formats.json import read_json_object, write_json
from arena.formats.locks import CLAIM_NAME, FolderBusy, FolderLock, is_locked
from arena.run_folder.folder import RunDir


class Claims:
    """The runs of one experiment that this arena has claimed; a context manager that lets go of them.

    Args:
        path: the experiment's folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: dict[str, FolderLock] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for name in list(self._held):
            self.release(name)

    def take(self, name: str) -> bool:
        """Claims a run whose folder exists; returns whether it is now this arena's.

        Raises:
            ArenaError: if the file system has no locks, or the folder cannot be written to.
        """
        files = RunDir(self._path / name)
        try:
            lock = FolderLock(files.path, wait_seconds=0.0, name=CLAIM_NAME)
        except FolderBusy:
            return False
        self._held[name] = lock
        # A new entry also makes a network file system's client look at the folder anew, before anything is read there.
        write_json(files.holder, {"machine": platform.node(), "process": os.getpid()})
        return True

    def release(self, name: str) -> None:
        """Lets go of a run, if this arena has claimed it."""
        if lock := self._held.pop(name, None):
            lock.release()


def is_claimed(path: Path) -> bool:
    """Returns whether an arena has claimed the run in the folder `path`."""
    return is_locked(path, CLAIM_NAME)


def holder(path: Path) -> str:
    """Returns who has claimed the run in the folder `path`, for a sentence: `another arena (process 42 on node7)`."""
    try:
        value = read_json_object(RunDir(path).holder)
    except ArenaError:
        return "another arena"
    process, machine = value.get("process"), value.get("machine")
    is_ours = isinstance(process, int) and isinstance(machine, str) and machine.isprintable()
    return f"another arena (process {process} on {machine})" if is_ours else "another arena"
