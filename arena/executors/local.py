"""Workers as processes of this machine, a set number at a time, each bound to cores of its own."""

import selectors
from collections.abc import Sequence

from arena.executors.base import OnEnd, OnEvent, Task
from arena.executors.process import WorkerProcess, end_workers
from arena.executors.shares import Share, Shares
from arena.system import usable_cores, visible_gpus


class LocalExecutor:
    """Runs workers on this machine.

    Args:
        num_workers: runs at a time; 0 means as many as there are cores for, at each task's number of threads.
        gpus: that runs are dealt out over, as in `CUDA_VISIBLE_DEVICES`; None means all that this process may use.
    """

    def __init__(self, num_workers: int = 0, *, gpus: Sequence[str] | None = None) -> None:
        self._num_workers = num_workers
        self._gpus = visible_gpus() if gpus is None else gpus

    def check(self, tasks: Sequence[Task]) -> None:
        """Refuses nothing: a task that asks for more cores than there are runs alone."""

    def execute(self, tasks: Sequence[Task], on_event: OnEvent, on_end: OnEnd) -> None:
        """See `Executor.execute`; a task begins as soon as there are cores and a GPU for it, later ones may overtake it."""
        waiting = list(tasks)
        shares = Shares(self._num_workers, usable_cores(), self._gpus)
        at_work: dict[WorkerProcess, tuple[Task, Share]] = {}
        with selectors.DefaultSelector() as selector:
            try:
                while waiting or at_work:
                    for task in list(waiting):
                        if share := shares.take(task):
                            waiting.remove(task)
                            worker = WorkerProcess(task, cores=share.cores, environment=share.environment)
                            at_work[worker] = task, share
                            selector.register(worker.stdout, selectors.EVENT_READ, worker)
                    for key, _ in selector.select(timeout=0.2):
                        worker = key.data
                        for event in worker.read_events():
                            if reason := on_event(at_work[worker][0], event):
                                worker.give_up(reason)
                        if worker.stdout.closed:
                            selector.unregister(key.fileobj)
                    for worker, (task, share) in list(at_work.items()):
                        if ended := worker.ended():
                            del at_work[worker]
                            shares.give_back(share)
                            on_end(task, ended)
            finally:
                end_workers(list(at_work))
