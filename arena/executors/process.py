"""A worker as a child process: what it is started with, what it says, how it ends. Every executor runs its workers by this."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import IO

from arena.executors.base import Ended, Task
from arena.machine.devices import SHARE_VARIABLE
from arena.run_folder.events import WorkerEvent, parse_event
from arena.run_folder.folder import RunDir

THREAD_VARIABLES = ("ARENA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NPROC")
"""Variables that limit a framework's threads; `NPROC` sizes the pool of XLA on a CPU, which heeds none of the others."""
STARTED_VARIABLE = "ARENA_STARTED"
"""Variable with the moment of the request for the process, in seconds of `time.monotonic()`, which all processes of a machine share."""
WORKERS_VARIABLE = "ARENA_WORKERS"
"""Environment variable of a worker: number of runs that its executor has at work at a time."""
CPUS_VARIABLE = "ARENA_CPUS"
"""Variable with the cores that the worker binds itself to, separated by commas."""
GRACE_SECONDS = 5.0
"""Seconds between SIGTERM and SIGKILL."""
LAST_SECONDS = 0.01
"""Seconds to wait for the process to exit after its standard output closes."""


class WorkerProcess:
    """Starts `python -m arena.worker RUN_FOLDER NAME...` in a process group of its own: Ctrl-C reaches the parent alone, which ends it.

    Args:
        task: the run; its folder must be on this machine.
        cores: cores that the worker is bound to; empty binds it to none.
        environment: environment variables besides those that the task names.
    """

    def __init__(self, task: Task, *, cores: Sequence[int] = (), environment: Mapping[str, str] | None = None) -> None:
        variables = {**os.environ, **task.process_env, **_share(task), **(environment or {})}
        variables[STARTED_VARIABLE] = f"{time.monotonic():.3f}"
        variables.pop(CPUS_VARIABLE, None)
        if cores:
            variables[CPUS_VARIABLE] = ",".join(map(str, cores))
        run_dir = RunDir(task.run_dir)
        with run_dir.folder.open(run_dir.log.name, "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "arena.worker", str(task.run_dir), *task.allow],
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        self.stdout: IO[bytes] = self._process.stdout
        """Standard output of the worker, for `select`; closed once everything was read."""
        self.pid = self._process.pid
        """Id of the process, and of its process group."""
        self._deadline = time.monotonic() + task.timeout_seconds
        self._buffer = b""
        self._timed_out = False
        self._reason = ""

    def read_events(self) -> list[WorkerEvent]:
        """Returns the worker's events since the last call; waits until there is one, or the worker has closed its output."""
        if self.stdout.closed:
            return []
        chunk = os.read(self.stdout.fileno(), 65_536)
        if not chunk:
            self.stdout.close()
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        return [event for line in lines if (event := parse_event(line)) is not None]

    def ended(self) -> Ended | None:
        """Returns how the worker ended, None while it is at work or not all of its events were read; ends it at its time limit."""
        if self.stdout.closed:
            self._wait(LAST_SECONDS)
        code = self._process.poll()
        if code is not None:
            self._signal(signal.SIGKILL)  # ends processes that the worker has left behind, which may hold its output open
        elif not self._timed_out and time.monotonic() > self._deadline:
            self._timed_out = True
            self._signal(signal.SIGKILL)
        if code is None or not self.stdout.closed:
            return None
        return Ended(timed_out=self._timed_out, exit_code=code, reason=self._reason)

    def give_up(self, reason: str) -> None:
        """Ends the worker at once; what it has written is kept."""
        self._reason = reason
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS refuses to signal a group that is ending
            os.killpg(self.pid, number)

    def _wait(self, seconds: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, seconds))


def end_workers(workers: Sequence[WorkerProcess]) -> None:
    """Ends workers: asks them, and kills what is left after `GRACE_SECONDS`, or at once when interrupted."""
    try:
        for worker in workers:
            worker._signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        for worker in workers:
            worker._wait(deadline - time.monotonic())
    finally:  # a worker's own child processes are in its group, so that it is killed also where the worker has ended
        for worker in workers:
            worker._signal(signal.SIGKILL)
        for worker in workers:
            worker._wait(GRACE_SECONDS)
            worker.stdout.close()


def _share(task: Task) -> dict[str, str]:
    """Returns the variables that hold frameworks to their share of the cores, and of a GPU's memory.

    TensorFlow takes no share from the environment: `arena.machine.devices` tells it.
    """
    variables = dict.fromkeys(THREAD_VARIABLES, str(task.threads))
    if task.device == "cpu":
        variables["CUDA_VISIBLE_DEVICES"] = ""  # a framework that sees a GPU takes some of its memory
    elif "CUDA_VISIBLE_DEVICES" not in os.environ:
        variables["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # the driver's numbers, of `nvidia-smi` too; CUDA's own begin with the fastest GPU
    if task.gpu_share is not None:
        variables[SHARE_VARIABLE] = f"{task.gpu_share:g}"
        variables["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{task.gpu_share:g}"
        variables["PYTORCH_ALLOC_CONF"] = f"per_process_memory_fraction:{task.gpu_share:g}"
        variables["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    return variables
