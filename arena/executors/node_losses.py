"""Runs that have lost their node: how often each has, and how it resumes on another."""

import collections
import signal

from arena.executors.base import Ended, OnEvent, Task
from arena.run_folder.events import PhaseBegan
from arena.run_folder.folder import RunDir


class NodeLosses:
    """Counts the losses of each run.

    Args:
        limit: largest number of times that a run may resume on another node.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: collections.Counter[str] = collections.Counter()

    def add(self, task: Task, reason: str, on_event: OnEvent) -> Ended | None:
        """Returns None for a run that resumes, with its folder ready for another node, or else how it has ended: lost too often."""
        self._counts[task.name] += 1
        count = self._counts[task.name]
        if count > self._limit:
            return Ended(timed_out=False, exit_code=-signal.SIGKILL, reason=f"lost its node {count} times: {reason}")
        run_dir = RunDir(task.run_dir)
        if run_dir.latest_checkpoint() is None:
            run_dir.clear()
        on_event(task, PhaseBegan(phase="restarting", message=f"lost its node ({reason}); resumes on another"))
        return None
