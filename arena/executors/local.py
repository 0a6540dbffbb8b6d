"""Workers as processes of this machine, a set number at a time, each bound to cores of its own."""

import contextlib
import dataclasses
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import IO, Any

from arena.executors.base import Ended, Task
from arena.rundir import RunDir

THREAD_VARIABLES = ("ARENA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NPROC")
"""`NPROC` sizes the pool of XLA on a CPU, which heeds none of the others."""
CPUS_VARIABLE = "ARENA_CPUS"
"""Comma-separated cores that the worker binds itself to."""
GRACE_SECONDS = 5.0


@dataclasses.dataclass
class _Worker:
    task: Task
    process: "subprocess.Popen[bytes]"
    slot: int
    deadline: float
    buffer: bytes = b""
    timed_out: bool = False


class LocalExecutor:
    """Runs workers on this machine.

    Args:
        num_workers: runs at a time; 0 means available cores divided by each task's threads.
    """

    def __init__(self, num_workers: int = 0) -> None:
        self._num_workers = num_workers
        self._cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))

    def execute(
        self, tasks: Sequence[Task], on_event: Callable[[Task, dict[str, Any]], None], on_end: Callable[[Task, Ended], None]
    ) -> None:
        """See `Executor.execute`."""
        waiting = list(reversed(tasks))
        threads = max((task.threads for task in tasks), default=1)
        free_slots = list(range(self._num_workers or max(1, len(self._cores) // threads)))
        workers: list[_Worker] = []
        with selectors.DefaultSelector() as selector:
            try:
                while waiting or workers:
                    while waiting and free_slots:
                        worker = self._start(waiting.pop(), free_slots.pop(0))
                        workers.append(worker)
                        selector.register(_stdout(worker), selectors.EVENT_READ, worker)
                    for key, _ in selector.select(timeout=0.2):
                        worker = key.data
                        chunk = os.read(key.fd, 65_536)
                        if chunk:
                            _forward(worker, chunk, on_event)
                        else:
                            selector.unregister(key.fileobj)
                            _stdout(worker).close()
                    for worker in [worker for worker in workers if _has_ended(worker)]:
                        workers.remove(worker)
                        free_slots = sorted([*free_slots, worker.slot])
                        on_end(worker.task, Ended(timed_out=worker.timed_out, exit_code=worker.process.returncode))
            finally:
                _end(workers)

    def _start(self, task: Task, slot: int) -> _Worker:
        cores = self._cores[slot * task.threads : (slot + 1) * task.threads]
        environment = {**os.environ, **task.process_env, **dict.fromkeys(THREAD_VARIABLES, str(task.threads))}
        environment.pop(CPUS_VARIABLE, None)
        if len(cores) == task.threads:
            environment[CPUS_VARIABLE] = ",".join(map(str, cores))
        with RunDir(task.run_dir).log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "arena.worker", str(task.run_dir)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which then ends its workers
            )
        return _Worker(task, process, slot, time.monotonic() + task.timeout_seconds)


def _has_ended(worker: _Worker) -> bool:
    if not worker.timed_out and time.monotonic() > worker.deadline:
        worker.timed_out = True
        _signal_group(worker.process, signal.SIGKILL)
    # All output is read before a worker counts as ended.
    return worker.process.poll() is not None and _stdout(worker).closed


def _stdout(worker: _Worker) -> IO[bytes]:
    assert worker.process.stdout is not None
    return worker.process.stdout


def _forward(worker: _Worker, chunk: bytes, on_event: Callable[[Task, dict[str, Any]], None]) -> None:
    *lines, worker.buffer = (worker.buffer + chunk).split(b"\n")
    for line in lines:
        with contextlib.suppress(ValueError):  # not an event: something printed before the worker took over its output
            event = json.loads(line)
            if isinstance(event, dict):
                on_event(worker.task, event)


def _signal_group(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        _signal_group(worker.process, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    for worker in workers:
        try:
            worker.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _signal_group(worker.process, signal.SIGKILL)
            worker.process.wait()
        _stdout(worker).close()
