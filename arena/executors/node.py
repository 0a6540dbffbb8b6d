"""One run on a node of a cluster: the worker process, its folder in the node's temporary directory, and what the driver is told of it.

Ray runs `NodeWorker` as an actor; this module imports no Ray.
"""

import dataclasses
import select
import shutil
import tempfile
import time
from pathlib import Path

from arena.executors.base import Ended, Task
from arena.executors.process import WorkerProcess, end_workers
from arena.executors.storage import Storage
from arena.executors.transfer import FolderWatch, Piece, lay_down
from arena.run_folder.events import WorkerEvent

POLL_SECONDS = 1.0
"""Longest time that `poll` waits for an event."""
GATHER_SECONDS = 0.1
"""Seconds to wait after an event, so that several that come close together are reported together."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NodeReport:
    """News of one run since the last report."""

    events: list[WorkerEvent]
    pieces: list[Piece]
    """Changes of the run folder, for the driver's copy of it."""
    ended: Ended | None


class NodeWorker:
    """Works on one run and reports when asked.

    With a storage, checkpoints go there and not to the driver. They are written only while the driver asks: a node that has lost
    touch with the cluster writes nothing more, so that it cannot disturb the node that took its place.

    Args:
        task: the run.
        storage: URI, or None.
        location: the run's folder in the storage.
        has_gpu: whether Ray has given it one, or a part of one.
    """

    def __init__(self, task: Task, storage: str | None, location: str, *, has_gpu: bool) -> None:
        self._storage = Storage(storage) if storage else None
        self._location = location
        self._environment = {} if has_gpu else {"CUDA_VISIBLE_DEVICES": ""}  # or else it could take one that is another run's
        self._folder = Path(tempfile.mkdtemp(prefix="arena-"))
        self._task = dataclasses.replace(task, run_dir=self._folder / location)

    def ready(self) -> None:
        """Returns once Ray has found a node."""

    def start(self, pieces: list[Piece]) -> None:
        """Lays down what the driver, or else the storage, has of the run, and starts the worker."""
        path = self._task.run_dir
        path.mkdir(parents=True)
        stored = self._storage.read_checkpoint(self._location) if self._storage else []
        if self._storage and stored:
            record = [piece for piece in pieces if piece.name == "run.json"]
            pieces = [*(piece for piece in self._storage.read(self._location) if piece.name != "result.json"), *record, *stored]
        lay_down(path, pieces)
        self._changes = FolderWatch(path, () if stored else pieces, checkpoints=self._storage is None)
        self._stored_changes = FolderWatch(path, stored, appends=False)
        self._worker = WorkerProcess(self._task, environment=self._environment)

    def poll(self) -> NodeReport:
        """Waits a moment for something to happen and reports it."""
        if self._worker.stdout.closed:
            time.sleep(GATHER_SECONDS)
        elif select.select([self._worker.stdout], [], [], POLL_SECONDS)[0]:
            time.sleep(GATHER_SECONDS)
            return self._report(self._worker.read_events())
        return self._report([])

    def stop(self) -> NodeReport:
        """Ends the worker and reports what it left."""
        end_workers([self._worker])
        return self._report([])

    def _report(self, events: list[WorkerEvent]) -> NodeReport:
        ended = self._worker.ended()
        if self._storage and (ended or self._stored_changes.has_new_checkpoint()):
            self._storage.write(self._location, self._stored_changes.changes(ended=ended is not None))
        report = NodeReport(events=events, pieces=self._changes.changes(ended=ended is not None), ended=ended)
        if ended:
            shutil.rmtree(self._folder, ignore_errors=True)
        return report
