"""Processes of this machine that call functions for the process that started them, and end with it."""

import concurrent.futures
import contextlib
import multiprocessing
import multiprocessing.process
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_SAFE_PATH = "PYTHONSAFEPATH"
"""Variable that says the same as Python's option `-P`."""


class ProcessPool:
    """Processes that are started at the first call, and killed at the end of the `with` statement, whatever they are at.

    Args:
        num_workers: number of processes.
    """

    def __init__(self, num_workers: int) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy onnxruntime's threads in whatever state they are
        self._pool = concurrent.futures.ProcessPoolExecutor(num_workers, context, _end_with_parent)
        self._processes: list[multiprocessing.process.BaseProcess] = []

    def __enter__(self) -> "ProcessPool":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def map(self, function: Callable[[T], R], arguments: Iterable[T]) -> Iterator[R]:
        """Yields what a function, importable by its name, returns for each argument, in their order.

        Raises:
            BrokenProcessPool: if a process died.
        """
        before = set(multiprocessing.active_children())
        with _safe_path():
            found = self._pool.map(function, arguments)  # starts the processes, before the first result is asked for
        self._processes += set(multiprocessing.active_children()) - before
        yield from found

    def close(self) -> None:
        """Kills the processes: one that hangs would not end."""
        for process in self._processes:
            process.kill()
        self._pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _safe_path() -> Iterator[None]:
    """Lets Python processes that are started meanwhile import nothing from the current directory, which may be a stranger's folder.

    A spawned process is a `python -c`, for which that directory comes first, ahead of the standard library.
    """
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        del os.environ[_SAFE_PATH]
        if before is not None:
            os.environ[_SAFE_PATH] = before


def _end_with_parent() -> None:
    """Leaves interrupts to the parent, and ends this process when the parent is gone, even if that was killed."""
    os.environ.pop(_SAFE_PATH, None)  # an environment's own processes find their modules as ever
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent: Any = multiprocessing.parent_process()

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
