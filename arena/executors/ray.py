"""Workers on the nodes of a Ray cluster, one actor per run; Ray places them, watches their nodes and carries what they report.

The driver's run folder (or the storage) is kept such that a worker can resume from it. A lost node costs the work since the last
checkpoint, which another node does again: records later than the checkpoint are cut off, so that nothing counts twice.
"""

import contextlib
import dataclasses
import importlib.metadata
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.executors.base import Ended, ExecutorConfig, OnEnd, OnEvent, Task
from arena.executors.node import NodeReport, NodeWorker
from arena.executors.process import GRACE_SECONDS
from arena.executors.storage import Storage
from arena.executors.transfer import lay_down, read_folder
from arena.formats.locks import FolderBusy, FolderLock
from arena.machine.installation import install_command
from arena.run_folder.events import PhaseBegan
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord
from arena.terminal.output import complain

DISTRIBUTION = "arena-rl"
CONNECT_SECONDS = 5.0
"""Seconds to wait for the cluster's address to answer."""
CHECK_SECONDS = 60.0
"""Seconds to wait for every node to say which version it has, and for a node that a waiting run needs."""


@dataclasses.dataclass
class _Flight:
    """A run that was handed to Ray."""

    task: Task
    actor: Any
    is_placed: bool = False
    waiting_since: float = dataclasses.field(default_factory=time.monotonic)
    lock: FolderLock | None = None
    """Lock of the driver's run folder, held while a node works on the run; `arena status` reads it."""

    reason: str = ""
    """Reason why the run was given up; empty if it wasn't."""

    def place(self) -> None:
        self.is_placed = True
        with contextlib.suppress(FolderBusy):  # a worker of this machine holds it: the run counts as running all the same
            self.lock = FolderLock(self.task.run_dir)

    def release(self) -> None:
        if self.lock is not None:
            self.lock.release()


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
        self._ray = _import_ray()
        self._config, self._num_workers = config, num_workers
        self._storage = Storage(config.storage) if config.storage else None
        self._num_losses: dict[str, int] = {}
        self._connection = contextlib.ExitStack()

    def check(self, tasks: Sequence[Task]) -> None:
        """See `Executor.check`; stays connected for `execute`.

        Raises:
            ArenaError: if the cluster cannot be reached, a node has another version, or no node has what a task asks for.
        """
        if not tasks:
            return
        self._connect()
        try:
            self._check_versions()
            self._check_room(tasks)
        except BaseException:
            self._connection.close()
            raise

    def execute(self, tasks: Sequence[Task], on_event: OnEvent, on_end: OnEnd) -> None:
        """See `Executor.execute`.

        Raises:
            ArenaError: if the cluster cannot be reached, or the storage holds another run under a task's name; before any work.
        """
        if not tasks:
            return
        self._connect()
        with self._connection:
            waiting = deque(task for task in tasks if not self._is_stored(task, on_end))
            flights: dict[Any, _Flight] = {}
            try:
                while waiting or flights:
                    while waiting and (not self._num_workers or len(flights) < self._num_workers):
                        flight = self._hand_over(waiting.popleft())
                        flights[flight.actor.ready.remote()] = flight
                    ready, _ = self._ray.wait(list(flights), num_returns=1, timeout=1.0)
                    for ref in ready:
                        flight = flights[ref]
                        if (after := self._advance(ref, flight, on_event, on_end, waiting)) is not None:
                            flights[after] = flight
                        else:
                            flight.release()
                        del flights[ref]
                    self._give_up_hopeless(flights, on_end)
            finally:
                self._stop(flights)

    def _hand_over(self, task: Task) -> _Flight:
        cpus, gpus = _resources(task)
        actor_class = self._ray.remote(NodeWorker).options(num_cpus=cpus, num_gpus=gpus, max_restarts=0)
        return _Flight(task, actor_class.remote(task, self._config.storage, _location(task), has_gpu=gpus > 0))

    def _advance(self, ref: Any, flight: _Flight, on_event: OnEvent, on_end: OnEnd, waiting: deque[Task]) -> Any:
        """Takes what `ref` holds; returns the next reference to wait for, None where this actor has no more to say."""
        task, actor = flight.task, flight.actor
        try:
            report = self._ray.get(ref)
        except self._ray.exceptions.RayTaskError as error:  # raised by our code on the node: trying again would raise it again
            self._kill(actor)
            on_end(task, Ended(timed_out=False, exit_code=1, reason=f"failed on its node: {_short(error)}"))
            return None
        except self._ray.exceptions.RayError as error:
            self._kill(actor)
            self._lose(task, _short(error), on_event, on_end, waiting)
            return None
        if not flight.is_placed:
            flight.place()
            return actor.start.remote(read_folder(task.run_dir))
        if isinstance(report, NodeReport):
            lay_down(task.run_dir, report.pieces)
            for event in report.events:
                flight.reason = flight.reason or on_event(task, event) or ""
            if report.ended:
                self._kill(actor)
                on_end(task, dataclasses.replace(report.ended, reason=flight.reason or report.ended.reason))
                return None
            if flight.reason:
                return actor.stop.remote()
        return actor.poll.remote()

    def _lose(self, task: Task, reason: str, on_event: OnEvent, on_end: OnEnd, waiting: deque[Task]) -> None:
        num_losses = self._num_losses[task.name] = self._num_losses.get(task.name, 0) + 1
        if num_losses > self._config.node_losses:
            on_end(task, Ended(timed_out=False, exit_code=-signal.SIGKILL, reason=f"lost its node {num_losses} times: {reason}"))
            return
        run_dir = RunDir(task.run_dir)
        if run_dir.latest_checkpoint() is None:
            run_dir.clear()
        on_event(task, PhaseBegan(phase="restarting", message=f"lost its node ({reason}); resumes on another"))
        waiting.appendleft(task)

    def _give_up_hopeless(self, flights: dict[Any, _Flight], on_end: OnEnd) -> None:
        for ref, flight in list(flights.items()):
            if not flight.is_placed and time.monotonic() - flight.waiting_since > CHECK_SECONDS:
                flight.waiting_since = time.monotonic()
                if not self._has_room(flight.task):
                    self._kill(flight.actor)
                    del flights[ref]
                    on_end(flight.task, Ended(timed_out=False, exit_code=1, reason=self._no_room(flight.task)))

    def _stop(self, flights: Mapping[Any, _Flight]) -> None:
        """Ends all workers, keeping what they have written; at once when interrupted again."""
        try:
            stops = [(ref, flight.actor.stop.remote(), flight.task) for ref, flight in flights.items() if flight.is_placed]
            deadline = time.monotonic() + 2 * GRACE_SECONDS
            for ref, stop, task in stops:
                with contextlib.suppress(self._ray.exceptions.RayError, OSError):
                    for pending in (ref, stop):
                        report = self._ray.get(pending, timeout=max(0.0, deadline - time.monotonic()))
                        if isinstance(report, NodeReport):
                            lay_down(task.run_dir, report.pieces)
        finally:
            for flight in flights.values():
                self._kill(flight.actor)
                flight.release()

    def _kill(self, actor: Any) -> None:
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.kill(actor)

    def _connect(self) -> None:
        if self._ray.is_initialized():  # by `check`, or by the caller, whose connection it stays
            return
        address = os.environ.get("RAY_ADDRESS", "auto") if self._config.address == "auto" else self._config.address
        _check_address(address)
        on_sigterm = signal.getsignal(signal.SIGTERM)
        try:
            context = self._ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise ArenaError(f"cannot join the Ray cluster at {address}: {_short(error)}") from error
        # Ray prints to standard output what it hears of lost nodes, whatever `log_to_driver` says; also while it shuts down.
        self._connection.enter_context(contextlib.redirect_stdout(sys.stderr))
        self._connection.callback(self._ray.shutdown)
        complain(f"arena: {exposure(address, getattr(context, 'dashboard_url', None), os.environ.get('RAY_AUTH_MODE'))}")
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_sigterm)  # Ray has put its own in place

    def _check_versions(self) -> None:
        def version(name: str) -> str | None:  # nested, so that Ray carries its code: a node may lack the arena
            import importlib.metadata

            return next((found.version for found in importlib.metadata.distributions(name=name)), None)

        strategy = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        remote = self._ray.remote(version).options
        nodes = self._nodes()
        asked = [remote(num_cpus=0, scheduling_strategy=strategy(node["NodeID"], soft=False)).remote(DISTRIBUTION) for node in nodes]
        here = _version()
        try:
            answers = self._ray.get(asked, timeout=CHECK_SECONDS)
        except self._ray.exceptions.RayError as error:
            raise ArenaError(f"a node of the Ray cluster does not answer: {_short(error)}") from error
        for node, found in zip(nodes, answers, strict=True):
            if found != here:
                name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
                raise ArenaError(f"node {name} has {DISTRIBUTION} {found}, this machine {here}; install that version there")

    def _check_room(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            if ":" in task.device:
                raise ArenaError(f"device {task.device!r} names a GPU of this machine; on a cluster say 'cuda', and Ray assigns one")
            if not self._has_room(task):
                raise ArenaError(self._no_room(task))

    def _has_room(self, task: Task) -> bool:
        cpus, gpus = _resources(task)
        return any(node["Resources"].get("CPU", 0) >= cpus and node["Resources"].get("GPU", 0) >= gpus for node in self._nodes())

    def _no_room(self, task: Task) -> str:
        cpus, gpus = _resources(task)
        nodes = [(node["Resources"].get("CPU", 0), node["Resources"].get("GPU", 0)) for node in self._nodes()]
        there = ", ".join(f"{num_cpus:g} and {num_gpus:g}" for num_cpus, num_gpus in sorted(nodes))
        return f"run {task.name} asks for {cpus} CPUs and {gpus:g} GPUs of one node; the cluster's nodes have {there}"

    def _nodes(self) -> list[dict[str, Any]]:
        return [node for node in self._ray.nodes() if node["Alive"]]

    def _is_stored(self, task: Task, on_end: OnEnd) -> bool:
        """Fetches the record of a run that the storage holds finished; refuses another run in its place.

        A record that is damaged there is left as it is, and the run is not run again over it.
        """
        pieces = self._storage.read(_location(task)) if self._storage else []
        if not any(piece.name == "run.json" for piece in pieces):
            return False
        pieces.sort(key=lambda piece: piece.name == "result.json")
        with tempfile.TemporaryDirectory() as folder:
            lay_down(Path(folder), pieces)
            stored = RunRecord(Path(folder))
            try:
                stored.check()
            except ArenaError as error:
                there = f"{self._config.storage}/{_location(task)}"
                reason = f"its copy in the storage cannot be read ({str(error).replace(folder, there)}); delete {there} to run it anew"
                on_end(task, Ended(timed_out=False, exit_code=1, damaged=reason))
                return True
            if stored.run.inputs() != RunRecord(task.run_dir).run.inputs():
                raise ArenaError(
                    f"{self._config.storage} holds a run {_location(task)} with other inputs; give the experiment another name"
                )
            if stored.result is None or stored.result.status != "finished":
                return False
        lay_down(task.run_dir, pieces)
        on_end(task, Ended(timed_out=False, exit_code=0))
        return True


def exposure(address: str, dashboard_url: str | None, auth_mode: str | None) -> str:
    """Returns the sentence that says what a Ray cluster lets those do who reach its ports.

    Args:
        address: address that was joined.
        dashboard_url: host and port of the dashboard; None or empty if there is none, or if it isn't known.
        auth_mode: value of `RAY_AUTH_MODE`, which Ray itself sets to `token` where it finds a token.
    """
    has_token = (auth_mode or "").lower() == "token"
    who = "whoever has its token" if has_token else "no token is asked for (RAY_AUTH_MODE=token), so whoever reaches its ports"
    dashboard = f"dashboard {dashboard_url}" if dashboard_url else "no dashboard known"
    is_local = (dashboard_url or "").rpartition(":")[0] in ("", "127.0.0.1", "localhost", "[::1]")
    note = "" if is_local else ", open to other machines, where jobs can be submitted"
    return f"joined the Ray cluster at {address}: {who} can run code on all its nodes; {dashboard}{note} (docs/clusters.md)"


def _version() -> str:
    return importlib.metadata.version(DISTRIBUTION)


def _import_ray() -> Any:
    try:
        import ray
        import ray.util.scheduling_strategies
    except ModuleNotFoundError as error:
        raise ArenaError(f"the Ray executor needs Ray, which is not installed: {install_command('ray')}") from error
    return ray


def _resources(task: Task) -> tuple[int, float]:
    """Returns the CPUs and GPUs that a run asks for."""
    if task.device == "cpu":
        return task.threads, 0.0
    if task.gpu_share is not None:
        return task.threads, task.gpu_share
    return task.threads, 1.0 if task.device == "cuda" else 0.0


def _location(task: Task) -> str:
    """Returns the run's folder in the storage: the experiment's name and the run's."""
    return f"{task.run_dir.parents[task.name.count('/')].name}/{task.name}"


def _check_address(address: str) -> None:
    """Refuses an address where no cluster answers in a bounded time: `ray.init` itself tries for many minutes."""
    if address != "auto":
        match = re.fullmatch(r"(?:ray://)?(\[.+\]|[^/:]+):(\d+)", address)
        if match is None:
            raise ArenaError(f"address {address!r} must be 'auto', HOST:PORT or ray://HOST:PORT")
        try:
            socket.create_connection((match[1].strip("[]"), int(match[2])), timeout=CONNECT_SECONDS).close()
        except (OSError, OverflowError) as error:
            raise ArenaError(f"no Ray cluster answers at {address} ({error}); start one with: ray start --head") from error
    code = "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False, logging_level='ERROR')"
    try:  # whether it fails, and why, is said by the same call in this process
        subprocess.run([sys.executable, "-P", "-c", code, address], capture_output=True, timeout=CHECK_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise ArenaError(f"what listens at {address} does not answer as a Ray cluster within {CHECK_SECONDS:g} s") from error


def _short(error: BaseException) -> str:
    """Returns the line of an error that says most: the last of a traceback from a node, or else the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return lines[-1 if type(error).__name__.startswith("RayTaskError") else 0][:300]
