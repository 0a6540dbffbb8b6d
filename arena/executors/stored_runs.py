"""Runs that a storage holds finished: fetched instead of being run again, and left as they are where their record is damaged."""

import tempfile
from pathlib import Path
from typing import Protocol

from arena.errors import ArenaError
from arena.executors.base import Ended, Task
from arena.executors.transfer import Piece, lay_down
from arena.run_folder.record import RunRecord


class ReadableStorage(Protocol):
    """Part of `Storage` that fetching needs."""

    def read(self, folder: str) -> list[Piece]:
        """Returns the files of `folder` without checkpoints; none if the folder doesn't exist."""


class StoredRuns:
    """Finished runs of a storage.

    Args:
        storage: storage of run folders.
        uri: its URI, for messages.
    """

    def __init__(self, storage: ReadableStorage, uri: str) -> None:
        self._storage, self._uri = storage, uri

    def fetch(self, task: Task) -> Ended | None:
        """Lays down the record of a run that the storage holds finished; returns None for one that is still to be run.

        A record that is damaged there is left as it is, and the run is not run again over it: `Ended.damaged` says why.

        Raises:
            ArenaError: if the storage holds another run in the place of this one.
        """
        there = f"{self._uri}/{location(task)}"
        pieces = self._storage.read(location(task))
        if not any(piece.name == "run.json" for piece in pieces):
            return None
        pieces.sort(key=lambda piece: piece.name == "result.json")
        with tempfile.TemporaryDirectory() as folder:
            lay_down(Path(folder), pieces)
            stored = RunRecord(Path(folder))
            try:
                stored.check()
            except ArenaError as error:
                reason = f"its copy in the storage cannot be read ({str(error).replace(folder, there)}); delete {there} to run it anew"
                return Ended(timed_out=False, exit_code=1, damaged=reason)
            if stored.run.inputs() != RunRecord(task.run_dir).run.inputs():
                raise ArenaError(f"{self._uri} holds a run {location(task)} with other inputs; give the experiment another name")
            if stored.result is None or stored.result.status != "finished":
                return None
        lay_down(task.run_dir, pieces)
        return Ended(timed_out=False, exit_code=0)


def location(task: Task) -> str:
    """Returns the run's folder in the storage: the experiment's name and the run's."""
    return f"{task.run_dir.parents[task.name.count('/')].name}/{task.name}"
