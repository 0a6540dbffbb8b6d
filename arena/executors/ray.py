"""Workers on the nodes of a Ray cluster, in actors that take one run after another; Ray places them and watches their nodes.

The driver's run folder (or the storage) is kept such that a worker can resume from it. A lost node costs the work since the last
checkpoint, which another node does again: records later than the checkpoint are cut off, so that nothing counts twice.
"""

import contextlib
import time
from collections import Counter, deque
from collections.abc import Hashable, Sequence
from typing import Any

from arena.errors import ArenaError
from arena.executors.base import LOOK_AGAIN_SECONDS, Ended, ExecutorConfig, MayBegin, OnEnd, OnEvent, Task, always
from arena.executors.node_losses import NodeLosses
from arena.executors.ray_connection import RayConnection
from arena.executors.ray_flights import Flight, NodeLost, answered, kind, stop
from arena.executors.ray_nodes import RayNodes
from arena.executors.storage import Storage
from arena.executors.stored_runs import StoredRuns, location
from arena.machine.installation import install_command

PLACE_SECONDS = 60.0
"""Seconds to wait for a node that a waiting run needs, before each look whether the cluster still has one."""


class RayExecutor:
    """Runs workers on a Ray cluster, each with `threads` CPUs and its share of a GPU.

    A run gets a GPU if its device is `cuda` (a whole one, unless it states a share), or if it is `auto` and a share is stated.

    Args:
        config: address, storage and retries.
        num_workers: number of runs at a time; 0 means as many as the cluster has room for.

    Raises:
        ArenaError: if Ray or the storage's library is not installed.
    """

    def __init__(self, config: ExecutorConfig, num_workers: int = 0) -> None:
        self._ray = import_ray()
        self._storage, self._num_workers, self._is_warm = config.storage, num_workers, config.warm
        self._stored = StoredRuns(Storage(config.storage), config.storage) if config.storage else None
        self._losses = NodeLosses(config.node_losses)
        self._connection = RayConnection(self._ray, config.address)
        self._nodes = RayNodes(self._ray)

    def check(self, tasks: Sequence[Task]) -> None:
        """See `Executor.check`; stays connected for `execute`.

        Raises:
            ArenaError: if the cluster cannot be reached, a node has another version, or no node has what a task asks for.
        """
        if not tasks:
            return
        self._connection.join()
        try:
            self._nodes.check_versions()
            self._nodes.check_room(tasks)
        except BaseException:
            self._connection.close()
            raise

    def execute(self, tasks: Sequence[Task], on_event: OnEvent, on_end: OnEnd, may_begin: MayBegin = always) -> None:
        """See `Executor.execute`; all runs that no other arena holds are taken at once, since Ray places them.

        Raises:
            ArenaError: if the cluster cannot be reached, or the storage holds another run under a task's name; before any work.
        """
        if not tasks:
            return
        self._connection.join()
        with contextlib.closing(self._connection):
            held = list(tasks)
            waiting = self._take(held, may_begin, on_end)
            looked = time.monotonic()
            flights: list[Flight] = []
            kinds = Counter(kind(task) for task in tasks) if self._is_warm else Counter[Hashable]()
            try:
                while waiting or flights or held:
                    if held and time.monotonic() - looked > LOOK_AGAIN_SECONDS:
                        waiting.extend(self._take(held, may_begin, on_end))
                        looked = time.monotonic()
                    while waiting and (not self._num_workers or len(flights) < self._num_workers):
                        flights.append(self._flight(waiting.popleft(), kinds))
                    for flight in answered(self._ray, flights):
                        ended = flight.advance(on_event)
                        if ended is not None:
                            self._settle(flight.task, ended, on_event, on_end, waiting)
                            flight.release()
                        flights.remove(flight)
                        if ended is None:
                            flights.append(flight)  # behind the others, so that each has its turn
                        elif successor := self._successor(flight, flights, waiting, kinds):
                            flights.append(successor)
                    self._give_up_hopeless(flights, on_end)
            finally:
                stop(flights)

    def _flight(self, task: Task, kinds: Counter[Hashable], actor: Any = None) -> Flight:
        return Flight(self._ray, task, self._storage, location(task), warm=kinds[kind(task)] > 1, actor=actor)

    def _successor(self, ended: Flight, flights: Sequence[Flight], waiting: deque[Task], kinds: Counter[Hashable]) -> Flight | None:
        """Gives the actor of a flight that has ended to another run of its kind, or ends it; returns the new flight if it makes one."""
        wanted = kind(ended.task)
        if ended.is_actor_sound and kinds[wanted] > 1:
            for flight in flights:
                if not flight.is_placed and kind(flight.task) == wanted:
                    flight.take_over(ended.actor)
                    return None
            for task in waiting:
                if kind(task) == wanted:
                    waiting.remove(task)
                    return self._flight(task, kinds, ended.actor)
        ended.kill()
        return None

    def _take(self, held: list[Task], may_begin: MayBegin, on_end: OnEnd) -> deque[Task]:
        """Takes the tasks that may begin out of `held`, and returns those that the storage does not end."""
        turns = {task.name: may_begin(task) for task in held}
        begun = [task for task in held if turns[task.name] == "now"]
        held[:] = [task for task in held if turns[task.name] == "later"]
        return deque(task for task in begun if not self._is_stored(task, on_end))

    def _is_stored(self, task: Task, on_end: OnEnd) -> bool:
        """Ends a task for which the storage holds a record, finished or damaged."""
        ended = self._stored.fetch(task) if self._stored else None
        if ended is not None:
            on_end(task, ended)
        return ended is not None

    def _settle(self, task: Task, ended: Ended | NodeLost, on_event: OnEvent, on_end: OnEnd, waiting: deque[Task]) -> None:
        """Ends a task whose flight has ended, or lets it wait for another node."""
        outcome = self._losses.add(task, ended.reason, on_event) if isinstance(ended, NodeLost) else ended
        if outcome is None:
            waiting.appendleft(task)
        else:
            on_end(task, outcome)

    def _give_up_hopeless(self, flights: list[Flight], on_end: OnEnd) -> None:
        """Ends the tasks that wait for a node when no node with enough room is left."""
        for flight in list(flights):
            if not flight.is_placed and time.monotonic() - flight.waiting_since > PLACE_SECONDS:
                flight.waiting_since = time.monotonic()
                if not self._nodes.has_room(flight.task):
                    flight.kill()
                    flights.remove(flight)
                    on_end(flight.task, Ended(timed_out=False, exit_code=1, reason=self._nodes.no_room(flight.task)))


def import_ray() -> Any:
    """Returns the module `ray`.

    Raises:
        ArenaError: if it is not installed.
    """
    try:
        import ray
        import ray.util.scheduling_strategies
    except ModuleNotFoundError as error:
        raise ArenaError(f"the Ray executor needs Ray, which is not installed: {install_command('ray')}") from error
    return ray
