"""Workers as processes of this machine, a set number at a time, each bound to cores of its own."""

import contextlib
import dataclasses
import selectors
import time
from collections.abc import Sequence
from typing import Self

from arena.errors import ArenaError
from arena.executors.base import LOOK_AGAIN_SECONDS, MayBegin, OnEnd, OnEvent, Task, always
from arena.executors.order import Order
from arena.executors.process import WORKERS_VARIABLE, WorkerProcess, end_workers
from arena.executors.shares import Share, Shares
from arena.executors.warm import WarmServers, is_possible
from arena.machine.compile_cache import cache_folder
from arena.machine.cores import usable_cores
from arena.machine.gpus import driver_problem, visible_gpus

LOOK_SECONDS = 0.2
"""Longest time to wait for an event before the limits of time are looked at."""


class LocalExecutor:
    """Runs workers on this machine.

    Args:
        num_workers: runs at a time; 0 means as many as there are cores for, at each task's number of threads.
        gpus: GPUs that runs are distributed over, named as in `CUDA_VISIBLE_DEVICES`; None means all that this process may use.
        warm: whether workers may be forked from servers (`arena.executors.warm`); else each imports its framework itself.
        servers: servers that last longer than one call of `execute`; None makes some for each call.
    """

    def __init__(
        self, num_workers: int = 0, *, gpus: Sequence[str] | None = None, warm: bool = True, servers: WarmServers | None = None
    ) -> None:
        self._num_workers, self._warm, self._servers = num_workers, warm, servers
        self._gpus = visible_gpus() if gpus is None else gpus
        self._order = Order()

    def check(self, tasks: Sequence[Task]) -> None:
        """Refuses a device that is not there; a task that asks for more cores than there are runs alone.

        Raises:
            ArenaError: for the first run whose GPU this machine does not have, or if `ARENA_CACHE` names a folder that cannot be trusted.
        """
        cache_folder()
        for task in tasks:
            if task.device.startswith("cuda") and int(task.device.partition(":")[2] or 0) >= len(self._gpus):
                reason = (not self._gpus and driver_problem()) or "CUDA_VISIBLE_DEVICES names those that may be used"
                raise ArenaError(
                    f"run {task.name} asks for device {task.device!r}, and there are {len(self._gpus)} GPUs here ({reason}); "
                    "say device = 'auto' or 'cpu'"
                )

    def execute(self, tasks: Sequence[Task], on_event: OnEvent, on_end: OnEnd, may_begin: MayBegin = always) -> None:
        """See `Executor.execute`; a task begins once there are cores and a GPU for it; later ones may overtake it, also by `Order`."""
        shares = Shares(self._num_workers, usable_cores(), self._gpus)
        possible = [task for task in tasks if self._warm and is_possible(task) and (task.device == "cpu" or not visible_gpus())]
        servers = self._servers or WarmServers()
        work = _Work(tasks, shares, self._order, servers, on_event, on_end, may_begin)
        with work, contextlib.nullcontext() if self._servers else servers:  # servers end before workers: none is to come
            servers.announce(possible)
            work.begin_runs()
            while work.is_left():
                work.read_events()
                if work.end_runs() or work.is_time_to_look():
                    work.begin_runs()


@dataclasses.dataclass(frozen=True)
class _RunAtWork:
    """A run that has begun."""

    task: Task
    share: Share
    since: float
    """The moment at which it began, in seconds of `time.monotonic()`."""


class _Work:
    """The runs of one call of `execute`: those that wait, and those at work.

    Args:
        tasks: runs in the order in which they should begin.
        shares: cores and GPUs to give out.
        order: decides which run begins next.
        servers: fork the workers that they can.
        on_event: see `Executor.execute`.
        on_end: see `Executor.execute`.
        may_begin: see `Executor.execute`.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        shares: Shares,
        order: Order,
        servers: WarmServers,
        on_event: OnEvent,
        on_end: OnEnd,
        may_begin: MayBegin,
    ) -> None:
        self._waiting, self._shares, self._order = list(tasks), shares, order
        self._servers, self._on_event, self._on_end, self._may_begin = servers, on_event, on_end, may_begin
        self._looked = time.monotonic()
        self._environment = {WORKERS_VARIABLE: str(shares.num_at_a_time(tasks))}
        self._at_work: dict[WorkerProcess, _RunAtWork] = {}
        self._most_at_work = 1
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Ends the workers that are left."""
        try:
            end_workers(list(self._at_work))
        finally:
            self._selector.close()

    def is_left(self) -> bool:
        """Returns whether a run waits or is at work."""
        return bool(self._waiting or self._at_work)

    def begin_runs(self) -> None:
        """Begins as many of the waiting runs as there is room for."""
        for run in self._at_work.values():
            self._order.note(run.task, time.monotonic() - run.since)
        for task in self._order.sort(self._waiting, self._most_at_work):
            if share := self._shares.take(task):
                self._begin_in_turn(task, share)
        self._looked = time.monotonic()
        self._most_at_work = max(self._most_at_work, len(self._at_work))

    def is_time_to_look(self) -> bool:
        """Returns whether runs that wait for another arena are to be looked at again."""
        return bool(self._waiting) and time.monotonic() - self._looked > LOOK_AGAIN_SECONDS

    def read_events(self) -> None:
        """Waits a moment for events and passes them on."""
        for key, _ in self._selector.select(timeout=LOOK_SECONDS):
            worker: WorkerProcess = key.data
            for event in worker.read_events():
                if reason := self._on_event(self._at_work[worker].task, event):
                    worker.give_up(reason)

    def end_runs(self) -> bool:
        """Takes back the shares of the runs that have ended, and tells of their end; returns whether there was one."""
        ended = [(worker, how) for worker in self._at_work if (how := worker.ended())]
        for worker, how in ended:
            self._selector.unregister(worker.stdout)
            run = self._at_work.pop(worker)
            if worker.never_began:
                self._begin(run.task, run.share, None)
                continue
            self._shares.give_back(run.share)
            self._order.note(run.task, time.monotonic() - run.since)
            self._on_end(run.task, how)
        return bool(ended)

    def _begin_in_turn(self, task: Task, share: Share) -> None:
        turn = self._may_begin(task)
        if turn != "later":
            self._waiting.remove(task)
        if turn == "now":
            self._begin(task, share, self._servers)
        else:
            self._shares.give_back(share)

    def _begin(self, task: Task, share: Share, servers: WarmServers | None) -> None:
        environment = {**share.environment, **self._environment}
        worker = WorkerProcess(task, cores=share.cores, environment=environment, servers=servers)
        self._at_work[worker] = _RunAtWork(task, share, time.monotonic())
        self._selector.register(worker.stdout, selectors.EVENT_READ, worker)
