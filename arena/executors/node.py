"""Runs on a cluster's node, one after another: the worker process, its folder in the node's temporary directory, what the driver is told.

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
from arena.executors.warm import WarmServers, is_possible
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
    """Works on one run at a time and reports when asked.

    With a storage, checkpoints go there and not to the driver. They are written only while the driver asks: a node that has lost
    touch with the cluster writes nothing more, so that it cannot disturb the node that took its place.

    Args:
        storage: URI, or None.
        has_gpu: whether Ray has given it one, or a part of one.
        warm: whether workers are forked from a server that has imported their framework, where that is possible: more runs may come here.
    """

    def __init__(self, storage: str | None, *, has_gpu: bool, warm: bool = False) -> None:
        self._storage = Storage(storage) if storage else None
        self._environment = {} if has_gpu else {"CUDA_VISIBLE_DEVICES": ""}  # or else it could take one that is another run's
        self._is_warm, self._servers = warm and not has_gpu, WarmServers(is_lasting=True)

    def ready(self) -> None:
        """Returns once Ray has found a node."""

    def start(self, task: Task, location: str, pieces: list[Piece]) -> None:
        """Lays down what the driver, or else the storage, has of a run, and starts its worker.

        Args:
            task: the run.
            location: the run's folder in the storage.
            pieces: the files of the driver's run folder.
        """
        self._location, self._folder = location, Path(tempfile.mkdtemp(prefix="arena-"))
        self._task = dataclasses.replace(task, run_dir=self._folder / location)
        path = self._task.run_dir
        path.mkdir(parents=True)
        stored = self._storage.read_checkpoint(self._location) if self._storage else []
        if self._storage and stored:
            record = [piece for piece in pieces if piece.name == "run.json"]
            pieces = [*(piece for piece in self._storage.read(self._location) if piece.name != "result.json"), *record, *stored]
        lay_down(path, pieces)
        self._changes = FolderWatch(path, () if stored else pieces, checkpoints=self._storage is None)
        self._stored_changes = FolderWatch(path, stored, appends=False)
        if self._is_warm and is_possible(self._task):
            self._servers.announce([self._task])
        self._begin(self._servers)

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

    def _begin(self, servers: WarmServers | None) -> None:
        self._worker = WorkerProcess(self._task, environment=self._environment, servers=servers)

    def _report(self, events: list[WorkerEvent]) -> NodeReport:
        ended = self._worker.ended()
        if ended and self._worker.never_began:
            self._begin(None)
            ended = None
        if self._storage and (ended or self._stored_changes.has_new_checkpoint()):
            self._storage.write(self._location, self._stored_changes.changes(ended=ended is not None))
        report = NodeReport(events=events, pieces=self._changes.changes(ended=ended is not None), ended=ended)
        if ended:
            shutil.rmtree(self._folder, ignore_errors=True)
        return report
