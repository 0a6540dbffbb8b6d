"""The watch for runs that make no progress: a step that never returns, a deadlock, a learner that hangs."""

import contextlib
import sys
from pathlib import Path

from arena.run_folder.events import Heartbeat, PhaseBegan, SupervisionEvent, WorkerEvent

BUILD_FACTOR = 3.0
"""Number of times `stall_seconds` that a worker may take without progress before it trains: frameworks compile then."""
MAX_LOOK_SECONDS = 2.0
"""Largest number of seconds that one look counts: after a longer time between two looks, this process itself was stopped."""


class StallWatch:
    """Counts the seconds without progress of one worker, while this process looks and the worker isn't stopped.

    Args:
        stall_seconds: seconds without progress that are allowed in training and evaluations.
        now: the moment of the request for the worker, in seconds of a monotonic clock.
    """

    def __init__(self, stall_seconds: float, now: float) -> None:
        self._stall_seconds, self._last_look = stall_seconds, now
        self._idle_seconds = 0.0
        self._is_building = True
        self._heartbeat = Heartbeat(count=0, activity="starting", env_steps=0)

    def note(self, event: WorkerEvent | SupervisionEvent) -> None:
        """Takes what the worker says; all but an unchanged heartbeat is progress."""
        if isinstance(event, PhaseBegan):
            self._is_building = event.phase in ("importing", "building")
        if isinstance(event, Heartbeat):
            unchanged, self._heartbeat = event.count == self._heartbeat.count, event
            if unchanged:
                return
        self._idle_seconds = 0.0

    def look(self, now: float, worker_id: int | None) -> str | None:
        """Returns the reason to end the worker, or None.

        Args:
            now: the present moment, on the clock of the request.
            worker_id: process id of the worker; None if it isn't known yet.
        """
        passed, self._last_look = now - self._last_look, now
        if worker_id is None or not is_stopped(worker_id):
            self._idle_seconds += min(passed, MAX_LOOK_SECONDS)
        allowed = self._stall_seconds * (BUILD_FACTOR if self._is_building else 1.0)
        if self._idle_seconds < allowed:
            return None
        beat = self._heartbeat
        reason = f"no progress for {allowed:g} s in {beat.activity}, after env step {beat.env_steps}"
        return f"{reason} ({beat.waits_for} never returned)" if beat.waits_for else reason


def is_stopped(process_id: int) -> bool:
    """Returns whether a process is stopped, by a signal or a debugger; False where the platform does not tell."""
    return _state(process_id) in ("T", "t")


def is_gone(process_id: int) -> bool:
    """Returns whether a process has ended; False where the platform does not tell."""
    return sys.platform == "linux" and _state(process_id) in ("", "Z", "X")


def _state(process_id: int) -> str:
    """Returns the letter by which Linux tells what a process does, empty if there is no such process."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    return ""
