"""Workers as processes of this machine, a set number at a time, each bound to cores of its own."""

import selectors
import time
from collections.abc import Sequence

from arena.errors import ArenaError
from arena.executors.base import OnEnd, OnEvent, Task
from arena.executors.order import Order
from arena.executors.process import WORKERS_VARIABLE, WorkerProcess, end_workers
from arena.executors.shares import Share, Shares
from arena.machine.compile_cache import cache_folder
from arena.machine.cores import usable_cores
from arena.machine.gpus import driver_problem, visible_gpus


class LocalExecutor:
    """Runs workers on this machine.

    Args:
        num_workers: runs at a time; 0 means as many as there are cores for, at each task's number of threads.
        gpus: GPUs that runs are distributed over, named as in `CUDA_VISIBLE_DEVICES`; None means all that this process may use.
    """

    def __init__(self, num_workers: int = 0, *, gpus: Sequence[str] | None = None) -> None:
        self._num_workers = num_workers
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

    def execute(self, tasks: Sequence[Task], on_event: OnEvent, on_end: OnEnd) -> None:
        """See `Executor.execute`; a task begins once there are cores and a GPU for it; later ones may overtake it, also by `Order`."""
        waiting = list(tasks)
        shares = Shares(self._num_workers, usable_cores(), self._gpus)
        num_at_a_time = {WORKERS_VARIABLE: str(shares.num_at_a_time(tasks))}
        at_work: dict[WorkerProcess, tuple[Task, Share, float]] = {}
        has_room, most = True, 1
        with selectors.DefaultSelector() as selector:
            try:
                while waiting or at_work:
                    if has_room:
                        for task, _, since in at_work.values():
                            self._order.note(task, time.monotonic() - since)
                        for task in self._order.sort(waiting, most):
                            if share := shares.take(task):
                                waiting.remove(task)
                                worker = WorkerProcess(task, cores=share.cores, environment={**share.environment, **num_at_a_time})
                                at_work[worker] = task, share, time.monotonic()
                                selector.register(worker.stdout, selectors.EVENT_READ, worker)
                        has_room, most = False, max(most, len(at_work))
                    is_ending = any(worker.stdout.closed for worker in at_work)
                    for key, _ in selector.select(timeout=0.05 if is_ending else 0.2):
                        worker = key.data
                        for event in worker.read_events():
                            if reason := on_event(at_work[worker][0], event):
                                worker.give_up(reason)
                        if worker.stdout.closed:
                            selector.unregister(key.fileobj)
                    for worker, (task, share, since) in list(at_work.items()):
                        if ended := worker.ended():
                            del at_work[worker]
                            shares.give_back(share)
                            self._order.note(task, time.monotonic() - since)
                            has_room = True
                            on_end(task, ended)
            finally:
                end_workers(list(at_work))
