"""The keeper of one worker: a small process between the arena and the worker, which ends the worker and all its descendants.

It is a script of the standard library alone, so that it starts in milliseconds. Its standard input is the lifeline: one line of JSON with
the worker's command, and then nothing until the arena wants something (`ASK`, `DUMP`) or is gone. Its standard output goes to the worker
too, whose events are written there. A first line names both processes: the child writes it before it becomes the worker. The keeper adds a
last line that says how the worker ended.

On Linux the keeper adopts what its worker's descendants leave behind (`PR_SET_CHILD_SUBREAPER`), so that a process with a session of its
own is found and ended as well, and the worker ends with a keeper that is killed (`PR_SET_PDEATHSIG`). Elsewhere it ends the worker's
process group, and a child that has left that group stays.
"""

import collections
import contextlib
import ctypes
import json
import os
import select
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

ASK = b"T"
"""Message of the lifeline: the worker is asked to end, by SIGTERM to its process group."""
DUMP = b"S"
"""Message of the lifeline: the worker writes the stacks of its threads to its log, by SIGUSR1, before the lifeline is closed."""
DUMP_SECONDS = 0.5
"""Seconds that a worker has to write its stacks."""
TICK_SECONDS = 1.0
"""Seconds between two looks at the kernel's count of processes killed for want of memory."""
LOG_SECONDS = 0.2
"""Seconds between two looks at the size of the worker's log."""
MAX_LOG_BYTES = 2**24
"""Size of a worker's log from which its middle is left out."""
LOG_END_BYTES = 2**21
"""Number of bytes that are kept of each end of a log whose middle is left out."""
CUT_LOOKS = 10
"""Largest number of looks for what is appended while the end of a log is read: a worker that writes without pause would never let it go."""
LEFT_SECONDS = 10.0
"""Seconds after which the keeper leaves processes alone that SIGKILL does not end: they wait in the kernel."""
CGROUPS = Path("/sys/fs/cgroup")
"""Folder where the kernel's control groups are mounted."""
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def main() -> None:
    """Reads the worker's command from the lifeline, starts the worker and keeps it."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:  # the arena was gone before it had said anything
            return
        line += byte
    command: list[str] = json.loads(line)

    def start() -> NoReturn:
        os.execv(command[0], command)

    keep(start)


def keep(start: Callable[[], NoReturn]) -> None:
    """Starts a worker in a child process with a session of its own, and returns when it and all its descendants have ended.

    Standard input must be the lifeline, and standard output the pipe of events.

    Args:
        start: turns the child process into the worker; called in the child, whose standard input is empty.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    wakeup, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    handled = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP)}
    own_id = os.getpid()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGHUP))  # they wait until they can be passed on
    worker_id = os.fork()
    if worker_id == 0:
        signal.set_wakeup_fd(-1)
        for number, handler in handled.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(wakeup)
        os.close(waker)
        _become_worker(own_id, start)
    signal.signal(signal.SIGTERM, lambda *_: _signal_group(worker_id, signal.SIGTERM))
    signal.signal(signal.SIGHUP, lambda *_: _signal_group(worker_id, signal.SIGTERM))
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    _say({"event": "process_ended", **_Watch(worker_id, wakeup).until_all_have_ended()})


def _become_worker(keeper_id: int, start: Callable[[], NoReturn]) -> NoReturn:
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper_id:  # it was killed before the kernel knew
            os._exit(1)
        _say({"event": "kept", "keeper_id": keeper_id, "worker_id": os.getpid()})  # here, so that no word of the worker comes before it
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        start()
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(127)


class _Watch:
    """The wait for a worker's end.

    Args:
        worker_id: process id of the worker, a child of this process.
        wakeup: file descriptor that a signal makes readable.
    """

    def __init__(self, worker_id: int, wakeup: int) -> None:
        self._worker_id, self._wakeup = worker_id, wakeup
        self._ended: dict[str, Any] | None = None
        self._memory, self._looked = MemoryKills(), time.monotonic()
        self._log = LogCap(2)

    def until_all_have_ended(self) -> dict[str, Any]:
        """Waits for the worker, or for the arena's word or end; ends what is left, and returns how the worker ended."""
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(self._wakeup, select.POLLIN)
        is_wanted = True
        while is_wanted and self._ended is None:
            ready = dict(poll.poll(LOG_SECONDS * 1000))
            self._log.look()
            if self._wakeup in ready:
                os.read(self._wakeup, 4096)
                self._reap()
            if self._ended is None and 0 in ready:
                is_wanted = self._obey(os.read(0, 1))
            if time.monotonic() - self._looked >= TICK_SECONDS:
                self._memory.look()
                self._looked = time.monotonic()
        short_of_memory = is_wanted and self._ended is not None and self._ended["exit_code"] == -signal.SIGKILL and self._memory.has_risen()
        self._end_all()
        self._log.look()
        ended = self._ended or {"exit_code": -signal.SIGKILL, "peak_rss_bytes": None}
        return {**ended, "short_of_memory": short_of_memory}

    def _obey(self, message: bytes) -> bool:
        """Does what the arena wants; returns False if that is the worker's end."""
        if message == ASK:
            _signal_group(self._worker_id, signal.SIGTERM)
            return True
        if message == DUMP:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._worker_id, signal.SIGUSR1)
            time.sleep(DUMP_SECONDS)
            return True
        return False

    def _end_all(self) -> None:
        """Kills all descendants, over and over: those of a killed process come to this one."""
        deadline = time.monotonic() + LEFT_SECONDS
        while time.monotonic() < deadline:
            _signal_group(self._worker_id, signal.SIGKILL)
            for process_id in descendants(os.getpid()):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(process_id, signal.SIGKILL)
            if not self._reap():
                return
            time.sleep(0.005)

    def _reap(self) -> bool:
        """Takes note of the children that have ended; returns whether there are others."""
        while True:
            try:
                process_id, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if process_id == 0:
                return True
            if process_id == self._worker_id:
                unit = 1 if sys.platform == "darwin" else 1024
                self._ended = {"exit_code": os.waitstatus_to_exitcode(status), "peak_rss_bytes": usage.ru_maxrss * unit}


class LogCap:
    """Bounds the size of a log that others append to: beyond `MAX_LOG_BYTES`, both ends stay, and a line says how much is left out.

    What is appended in the instant of the cut may be lost. Between two looks the log may be larger.

    Args:
        descriptor: file descriptor of the log, open to read and to append; anything but a regular file is left alone.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._left_out = 0

    def look(self) -> None:
        """Leaves out the middle of the log if the log is too large."""
        with contextlib.suppress(OSError):  # the disk is full, or the file is not for reading
            found = os.fstat(self._descriptor)
            if stat.S_ISREG(found.st_mode) and found.st_size > MAX_LOG_BYTES:
                self._cut(found.st_size)

    def _cut(self, size: int) -> None:
        tail = os.pread(self._descriptor, LOG_END_BYTES, size - LOG_END_BYTES)
        for _ in range(CUT_LOOKS):  # reading took a moment, in which more may have come
            grown = os.fstat(self._descriptor).st_size
            if grown == size:
                break
            tail = (tail + os.pread(self._descriptor, grown - size, size))[-LOG_END_BYTES:]
            size = grown
        self._left_out += size - LOG_END_BYTES - len(tail)
        os.ftruncate(self._descriptor, LOG_END_BYTES)
        note = f"\n[{self._left_out:,} bytes of this log are left out here]\n".encode()
        os.write(self._descriptor, note + tail)


class MemoryKills:
    """The number of processes that the kernel has killed for want of memory, in this process's control group or else on the machine."""

    def __init__(self) -> None:
        self._counts = collections.deque([num_memory_kills()], maxlen=3)

    def look(self) -> None:
        """Takes note of the number."""
        self._counts.append(num_memory_kills())

    def has_risen(self) -> bool:
        """Returns whether the number has risen since the last look but two: a large process takes seconds to end after it was killed."""
        return num_memory_kills() > self._counts[0]


def num_memory_kills(cgroups: Path = CGROUPS, processes: Path = Path("/proc")) -> int:
    """Returns the number of processes killed for want of memory, as the kernel counts it nearest to this process; 0 if it counts nowhere.

    Args:
        cgroups: folder where control groups are mounted.
        processes: folder of the process file system.
    """
    for file in _counting_files(cgroups, processes):
        with contextlib.suppress(OSError, ValueError):
            for line in file.read_text().splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
    return 0


def _counting_files(cgroups: Path, processes: Path) -> Iterator[Path]:
    groups: list[str] = []
    with contextlib.suppress(OSError):
        groups = (processes / "self/cgroup").read_text().splitlines()
    for line in groups:
        controllers, _, path = line.partition(":")[2].partition(":")
        for folder in (path.lstrip("/"), ""):  # a container may see its own group as the root
            if path and not controllers:
                yield cgroups / folder / "memory.events"
            elif "memory" in controllers.split(","):
                yield cgroups / "memory" / folder / "memory.oom_control"
    yield processes / "vmstat"


def descendants(process_id: int) -> list[int]:
    """Returns the processes below a process, on Linux; none elsewhere."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir() if sys.platform == "linux" else ():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                parent_id = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent_id, []).append(int(folder.name))
    found, waiting = [], [process_id]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _signal_group(process_id: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS refuses to signal a group that is ending
        os.killpg(process_id, number)


def _say(record: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the arena is gone
        os.write(1, f"\n{json.dumps(record)}\n".encode())  # the worker may have been killed in the middle of a line


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main()
