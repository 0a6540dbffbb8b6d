"""Runs that were handed to Ray: each an actor that is placed on a node, started, asked for news, and ended.

This module is handed Ray and imports none.
"""

import contextlib
import dataclasses
import time
from collections.abc import Hashable, Sequence
from typing import Any

from arena.executors.base import Ended, OnEvent, Task
from arena.executors.node import NodeReport, NodeWorker
from arena.executors.process import GRACE_SECONDS
from arena.executors.ray_errors import short
from arena.executors.ray_nodes import resources
from arena.executors.transfer import lay_down, read_folder
from arena.formats.locks import FolderBusy, FolderLock


@dataclasses.dataclass(frozen=True)
class NodeLost:
    """End of a flight whose node is gone; the run itself has not ended."""

    reason: str
    """What Ray says of it."""


class Flight:
    """One run that was handed to Ray, from its call for a node to its end there.

    Args:
        ray: the module `ray`.
        task: the run.
        storage: URI, or None.
        location: the run's folder in the storage.
        warm: whether the actor may work on other runs of this kind later, with their framework imported already.
        actor: actor of an earlier flight of this kind, which has ended; None makes one.
    """

    def __init__(self, ray: Any, task: Task, storage: str | None, location: str, *, warm: bool = False, actor: Any = None) -> None:
        self._ray, self.task, self._location = ray, task, location
        if actor is None:
            cpus, gpus = resources(task)
            actor_class = ray.remote(NodeWorker).options(num_cpus=cpus, num_gpus=gpus, max_restarts=0)
            actor = actor_class.remote(storage, has_gpu=gpus > 0, warm=warm)
        self.actor: Any = actor
        self.call: Any = self.actor.ready.remote()  # whose answer is awaited
        self.is_placed = False
        self.is_actor_sound = False
        """Whether the run has ended as it should, so that its actor may work on another."""
        self.waiting_since = time.monotonic()
        self._lock: FolderLock | None = None  # of the driver's run folder, while a node is at work on it; `arena status` reads it
        self._given_up = ""  # the reason, once there is one

    def advance(self, on_event: OnEvent) -> Ended | NodeLost | None:
        """Takes the answer of the call and makes the next one; returns how the flight ended, None while it continues."""
        try:
            answer = self._ray.get(self.call)
        except self._ray.exceptions.RayTaskError as error:  # raised by our code on the node: trying again would raise it again
            self.kill()
            return Ended(timed_out=False, exit_code=1, reason=f"failed on its node: {short(error)}")
        except self._ray.exceptions.RayError as error:
            self.kill()
            return NodeLost(short(error))
        if not self.is_placed:
            self._place()
        elif isinstance(answer, NodeReport):
            return self._take(answer, on_event)
        else:
            self.call = self.actor.poll.remote()
        return None

    def collect(self, stopped: Any, deadline: float) -> None:
        """Keeps what the last call and the one that has `stopped` the worker report until the deadline (`time.monotonic`)."""
        with contextlib.suppress(self._ray.exceptions.RayError, OSError):
            for pending in (self.call, stopped):
                report = self._ray.get(pending, timeout=max(0.0, deadline - time.monotonic()))
                if isinstance(report, NodeReport):
                    lay_down(self.task.run_dir, report.pieces)

    def take_over(self, actor: Any) -> None:
        """Lets the actor of an earlier flight work on this one's run, which has not been placed yet, instead of its own."""
        self.kill()
        self.actor, self.call = actor, actor.ready.remote()

    def kill(self) -> None:
        """Ends the actor, and with it the worker."""
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.kill(self.actor)

    def release(self) -> None:
        """Takes the mark from the driver's run folder that a node is at work on it."""
        if self._lock is not None:
            self._lock.release()

    def _place(self) -> None:
        self.is_placed = True
        with contextlib.suppress(FolderBusy):  # a worker of this machine holds it: the run counts as running all the same
            self._lock = FolderLock(self.task.run_dir)
        self.call = self.actor.start.remote(self.task, self._location, read_folder(self.task.run_dir))

    def _take(self, report: NodeReport, on_event: OnEvent) -> Ended | None:
        lay_down(self.task.run_dir, report.pieces)
        for event in report.events:
            self._given_up = self._given_up or on_event(self.task, event) or ""
        if report.ended:
            self.is_actor_sound = report.ended.exit_code == 0 and not report.ended.timed_out
            return dataclasses.replace(report.ended, reason=self._given_up or report.ended.reason)
        self.call = self.actor.stop.remote() if self._given_up else self.actor.poll.remote()
        return None


def kind(task: Task) -> Hashable:
    """Returns a value that is the same for runs that one actor may work on: they need the same resources, framework and environment."""
    return resources(task), task.agent, task.modules, frozenset(task.process_env.items())


def answered(ray: Any, flights: Sequence[Flight]) -> list[Flight]:
    """Returns the flights whose call has been answered, none if a second passes without an answer."""
    if not flights:
        time.sleep(1.0)
        return []
    by_call = {flight.call: flight for flight in flights}
    ready, _ = ray.wait(list(by_call), num_returns=1, timeout=1.0)
    return [by_call[call] for call in ready]


def stop(flights: Sequence[Flight]) -> None:
    """Ends all workers, keeping what they have written; at once when interrupted again."""
    try:
        stops = [(flight, flight.actor.stop.remote()) for flight in flights if flight.is_placed]
        deadline = time.monotonic() + 2 * GRACE_SECONDS
        for flight, stopped in stops:
            flight.collect(stopped, deadline)
    finally:
        for flight in flights:
            flight.kill()
            flight.release()
