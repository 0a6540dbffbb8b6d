"""Processes that a benchmark starts: their environment variables, their cores, and the JSON line that they print last."""

import contextlib
import json
import os
import queue
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, TypeVar

from arena.agent.hyperparameters import build_config
from arena.agent.registry import agent_spec
from arena.errors import ArenaError
from arena.executors.process import THREAD_VARIABLES

T = TypeVar("T")
R = TypeVar("R")

SCRIPTS = Path(__file__).resolve().parents[1]
"""Folder to import `benchmarks` from."""
ROOT = SCRIPTS.parent
"""Folder of the repository."""


def child_environment(threads: int, agent: str | None = None, hyperparameters: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Returns the environment variables of a process that imports `benchmarks` and is bound to `threads` threads.

    Args:
        threads: number of threads for every library.
        agent: id of the agent whose framework the process imports, if any: its spec's variables are added.
        hyperparameters: hyperparameters of that agent.

    Raises:
        ArenaError: if the agent is unknown, or a hyperparameter is not one of its own.
    """
    paths = [str(SCRIPTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    variables = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads)), "PYTHONPATH": os.pathsep.join(paths)}
    if agent is not None:
        spec = agent_spec(agent)
        config = build_config(spec.config, hyperparameters or {}, where=f"agent {agent!r}")
        variables |= spec.process_env_for(config)
    return variables


def module_command(module: str, *arguments: str) -> list[str]:
    """Returns the command line that runs a module in this Python."""
    return [sys.executable, "-P", "-m", module, *arguments]


def last_json_line(command: Sequence[str], environment: Mapping[str, str], timeout_seconds: float, what: str) -> dict[str, Any]:
    """Runs a command and returns the last JSON object that it prints on a line of its own.

    Args:
        command: the command line.
        environment: all environment variables of the process.
        timeout_seconds: seconds after which it is killed.
        what: name of what is measured, for errors.

    Raises:
        ArenaError: if it fails, prints none or takes too long; with the last line of its standard error.
    """
    try:
        ended = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ArenaError(f"{what} took longer than {timeout_seconds:g} s") from error
    lines = [line for line in ended.stdout.splitlines() if line.startswith("{")]
    if ended.returncode or not lines:
        complaint = [line for line in ended.stderr.splitlines() if line.strip()] or [f"it printed no measurement (exit {ended.returncode})"]
        raise ArenaError(f"{what} failed: {complaint[-1][:200]}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


@contextlib.contextmanager
def pinned(cores: Sequence[int]) -> Iterator[None]:
    """Binds this thread, and every process that it starts, to `cores`; afterwards to the cores that it had before.

    Raises:
        ArenaError: if the system cannot bind processes, or a core isn't one that this process may use.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise ArenaError("this benchmark binds processes to cores, which only Linux can do")
    before = os.sched_getaffinity(0)
    if not set(cores) <= before:
        raise ArenaError(f"cores {sorted(set(cores) - before)} are not among those that this process may use: {sorted(before)}")
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def on_free_cores(tasks: Iterable[T], shares: Sequence[Sequence[int]], work: Callable[[T], R]) -> Iterator[tuple[T, Future[R]]]:
    """Calls `work` for each task, as many at a time as there are shares of cores; yields each task with its result when it is done.

    Args:
        tasks: the tasks, in the order in which they begin.
        shares: cores for each of the calls that run at a time.
        work: called in a thread that is bound to a free share, as is every process that it starts.
    """
    free = queue.SimpleQueue[Sequence[int]]()
    for share in shares:
        free.put(share)

    def bound(task: T) -> R:
        own = free.get()
        try:
            with pinned(own):
                return work(task)
        finally:
            free.put(own)

    with ThreadPoolExecutor(len(shares)) as threads:
        futures = {threads.submit(bound, task): task for task in tasks}
        for future in as_completed(futures):
            yield futures[future], future
