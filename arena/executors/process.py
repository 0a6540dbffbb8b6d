"""A worker process: what it is started with, what it says, how it ends. Every executor runs its workers by this.

Between the arena and each worker stands a keeper (`arena.executors.keeper`), which ends the worker and all its descendants when the worker
ends, when the arena asks for it, and when the arena is gone, however it went: the keeper then reads the end of its lifeline.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import IO

from arena.executors import keeper
from arena.executors.base import Ended, Task
from arena.executors.stall import StallWatch, is_gone
from arena.executors.warm import Pipes, WarmServers
from arena.machine.devices import SHARE_VARIABLE
from arena.run_folder.events import ProcessEnded, SupervisionEvent, WorkerEvent, WorkerKept, parse_event
from arena.run_folder.folder import RunDir

THREAD_VARIABLES = ("ARENA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NPROC")
"""Variables that limit a framework's threads; `NPROC` sizes the pool of XLA on a CPU, which heeds none of the others."""
IMPORTED_VARIABLE = "ARENA_IMPORTED"
"""Variable of a warm worker: the moments, on the clock of `STARTED_VARIABLE`, at which its server began and ended its import."""
STARTED_VARIABLE = "ARENA_STARTED"
"""Variable with the moment of the request for the process, in seconds of `time.monotonic()`, which all processes of a machine share."""
WORKERS_VARIABLE = "ARENA_WORKERS"
"""Environment variable of a worker: number of runs that its executor has at work at a time."""
CPUS_VARIABLE = "ARENA_CPUS"
"""Variable with the cores that the worker binds itself to, separated by commas."""
BUSY_CODE = 75
"""Exit code of a worker whose run folder another process held for too long: nothing was done, and nothing failed."""
GRACE_SECONDS = 5.0
"""Seconds between SIGTERM and SIGKILL."""


class WorkerProcess:
    """One worker under a keeper; both are in sessions of their own, so that Ctrl-C reaches the arena alone, which ends them.

    Args:
        task: the run; its folder must be on this machine.
        cores: cores that the worker is bound to; empty binds it to none.
        environment: environment variables besides those that the task names.
        servers: servers that may fork the worker; None starts it as a new process.
    """

    def __init__(
        self,
        task: Task,
        *,
        cores: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
        servers: WarmServers | None = None,
    ) -> None:
        started = time.monotonic()
        variables, command, run_dir = worker_variables(task, started, cores, environment or {}), worker_command(task), RunDir(task.run_dir)
        with run_dir.folder.open(run_dir.log.name, "ab") as log:
            pipes = servers.start(task, command, variables, log) if servers is not None else None
            self.is_warm = pipes is not None
            """Whether the worker comes from a server."""
            self._keeper = None if pipes is not None else _start_keeper(variables, log)
        if self._keeper is not None:
            assert self._keeper.stdin is not None
            assert self._keeper.stdout is not None
            pipes = Pipes(self._keeper.stdin, self._keeper.stdout)
        assert pipes is not None
        self._lifeline = pipes.lifeline
        self.stdout: IO[bytes] = pipes.events
        """Pipe of the worker's events, for `select`; closed once everything was read, which is after the end of the worker."""
        self.pid: int | None = None
        """Process id of the worker, and of its process group; None until `read_events` has met the keeper's word."""
        self._deadline = started + task.timeout_seconds
        self._stall = StallWatch(task.stall_seconds, started)
        self._buffer = b""
        self._timed_out = False
        self._reason = ""
        self._kept: WorkerKept | None = None
        self._end: ProcessEnded | None = None
        if self._keeper is not None:
            self._tell(f"{json.dumps(command)}\n".encode())

    @property
    def never_began(self) -> bool:
        """Whether the worker has ended before it was a process: its server was lost."""
        is_unwanted = self._timed_out or bool(self._reason)
        return self.is_warm and self._kept is None and self.stdout.closed and not is_unwanted

    def read_events(self) -> list[WorkerEvent]:
        """Returns the worker's events since the last call; waits until there is one, or the worker has ended."""
        if self.stdout.closed:
            return []
        chunk = os.read(self.stdout.fileno(), 65_536)
        if not chunk:
            self.stdout.close()
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        events = [event for line in lines if (event := parse_event(line)) is not None]
        for event in events:
            self._note(event)
        return [event for event in events if not isinstance(event, SupervisionEvent)]

    def ended(self) -> Ended | None:
        """Returns how the worker ended, None while it is at work or not all of its events were read; ends it at its limits of time."""
        if not self.stdout.closed and self._is_keeper_gone():
            self._bury()
        if self._lifeline.closed and self.is_warm and self._kept is None:
            self.stdout.close()  # the server may keep the request for ever; a worker that still comes of it is ended by its keeper
        if self.stdout.closed:
            return self._how_it_ended()
        now = time.monotonic()
        if not self._lifeline.closed and now > self._deadline:
            self._timed_out = True
            self._lifeline.close()
        elif not self._lifeline.closed and (reason := self._stall.look(now, self.pid)):
            self._timed_out, self._reason = True, reason
            self._tell(keeper.DUMP)
            self._lifeline.close()
        return None

    def give_up(self, reason: str) -> None:
        """Ends the worker at once; what it has written is kept."""
        self._reason = reason
        self._lifeline.close()

    def _note(self, event: WorkerEvent | SupervisionEvent) -> None:
        self._stall.note(event)
        if isinstance(event, WorkerKept):
            self._kept, self.pid = event, event.worker_id
        elif isinstance(event, ProcessEnded):
            self._end = event

    def _how_it_ended(self) -> Ended:
        self._lifeline.close()
        self._wait()
        end = self._end or ProcessEnded(exit_code=-signal.SIGKILL, peak_rss_bytes=None, short_of_memory=False)
        reason = self._reason
        if end.short_of_memory:
            reason = f"killed by the kernel for want of memory{_peak(end.peak_rss_bytes)}"
        return Ended(timed_out=self._timed_out, exit_code=end.exit_code, reason=reason, peak_rss_bytes=end.peak_rss_bytes)

    def _tell(self, message: bytes) -> None:
        with contextlib.suppress(OSError, ValueError):  # it has ended, or is being ended
            self._lifeline.write(message)

    def _bury(self) -> None:
        """Ends what a keeper has left behind that was killed itself, unless all of its words are still to be read."""
        if not select.select([self.stdout], [], [], 0)[0]:
            self._kill()
            self.stdout.close()

    def _is_keeper_gone(self) -> bool:
        if self._keeper is not None:
            return self._keeper.poll() is not None
        return self._kept is not None and is_gone(self._kept.keeper_id)

    def _kill(self) -> None:
        if self._keeper is not None:
            self._keeper.kill()
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS refuses to signal a group that is ending
            if self._keeper is None and self._kept is not None:
                os.kill(self._kept.keeper_id, signal.SIGKILL)
            if self._kept is not None:
                os.killpg(self._kept.worker_id, signal.SIGKILL)

    def _wait(self) -> None:
        if self._keeper is not None:
            self._keeper.wait()

    def _read_until_end(self, deadline: float) -> None:
        while not self.stdout.closed:
            if not select.select([self.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return
            self.read_events()


def end_workers(workers: Sequence[WorkerProcess]) -> None:
    """Ends workers: asks them, and kills what is left after `GRACE_SECONDS`, or at once when interrupted."""
    try:
        for worker in workers:
            worker._tell(keeper.ASK)
        deadline = time.monotonic() + GRACE_SECONDS
        for worker in workers:
            worker._read_until_end(deadline)
    finally:
        for worker in workers:
            worker._lifeline.close()
        deadline = time.monotonic() + GRACE_SECONDS
        for worker in workers:
            worker._read_until_end(deadline)
        for worker in workers:
            if not worker.stdout.closed:  # the keeper was stopped, or waits for a process that the kernel cannot end
                worker._kill()
                worker.stdout.close()
            worker._wait()


def _start_keeper(variables: Mapping[str, str], log: IO[bytes]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-I", "-S", keeper.__file__],
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,  # nothing is left to be written when a pipe is closed whose other end is gone
        stderr=log,
        start_new_session=True,
    )


def worker_command(task: Task) -> list[str]:
    """Returns the command that works on a run."""
    return [sys.executable, "-P", "-m", "arena.worker", str(task.run_dir), *task.allow]


def worker_variables(task: Task, started: float, cores: Sequence[int], environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the environment variables of a worker.

    Args:
        task: the run.
        started: the moment of the request for the worker, in seconds of `time.monotonic()`.
        cores: cores that the worker is bound to; empty binds it to none.
        environment: environment variables besides those that the task names.
    """
    variables = {**os.environ, **task.process_env, **_share(task), **environment, STARTED_VARIABLE: f"{started:.3f}"}
    variables.pop(CPUS_VARIABLE, None)
    if cores:
        variables[CPUS_VARIABLE] = ",".join(map(str, cores))
    return variables


def _peak(num_bytes: int | None) -> str:
    return "" if num_bytes is None else f"; peak {num_bytes / 1e9:.1f} GB"


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
