"""Warm workers: forked from a server that has imported the framework already, instead of started one by one.

A server (`arena.worker.server`) belongs to one agent, one set of framework modules and one set of environment variables, for those are
read when a framework is imported. It exists only as long as this process, and only where two runs or more may need it. Whatever goes wrong
with a server, no run is harmed: a request that it cannot take is answered by None, and one that it has lost shows as
`WorkerProcess.never_began`.
"""

import dataclasses
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Self

from arena.executors.base import Task

WARM_VARIABLE = "ARENA_WARM"
"""Environment variable that switches warm workers off where it is `off` or `0`."""
OWN_VARIABLES = frozenset({"ARENA_STARTED", "ARENA_CPUS", "ARENA_WORKERS", "CUDA_VISIBLE_DEVICES"})
"""Variables of one worker that no framework reads while it is imported."""
MAX_REQUEST_BYTES = 2**20
"""Largest size of a request, which holds the worker's environment variables."""
NUM_PIPES = 3
"""Number of file descriptors of a request: the lifeline, the pipe of events and the log."""

_AgentKey = tuple[str, tuple[str, ...]]
_Key = tuple[str, tuple[str, ...], str, tuple[tuple[str, str], ...]]


@dataclasses.dataclass(frozen=True)
class Pipes:
    """The arena's ends of the pipes to a worker's keeper."""

    lifeline: IO[bytes]
    events: IO[bytes]


class WarmServers:
    """Servers for workers that may be forked; a context manager that ends them.

    Args:
        is_lasting: whether more runs may be announced later: every agent gets a server, and keeps it. Otherwise an agent of one run alone
            gets none, and a server ends with the start of the last worker that was announced.
    """

    def __init__(self, *, is_lasting: bool = False) -> None:
        self._is_lasting = is_lasting
        self._names: set[str] = set()
        self._num_left: Counter[_AgentKey] = Counter()
        self._worth: set[_AgentKey] = set()
        self._servers: dict[_Key, _Server] = {}

    def announce(self, tasks: Sequence[Task]) -> None:
        """Takes runs that are to come, whose workers may be forked (`is_possible`); no other run gets a worker from here."""
        self._names |= {task.name for task in tasks}
        self._num_left.update(_agent_key(task) for task in tasks)
        self._worth |= {key for key, count in self._num_left.items() if count > 1 or self._is_lasting}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for server in self._servers.values():
            server.end()

    def start(self, task: Task, command: Sequence[str], variables: Mapping[str, str], log: IO[bytes]) -> Pipes | None:
        """Asks a server for a worker, which may be about to begin when this returns; None if it must be started in the ordinary way.

        Args:
            task: the run.
            command: command that would start the worker.
            variables: environment variables of the worker.
            log: file that the worker prints to.
        """
        agent_key = _agent_key(task)
        if agent_key not in self._worth or task.name not in self._names:
            return None
        self._num_left[agent_key] -= 1
        key = _key(task, variables)
        server = self._servers.get(key)
        if server is None:
            server = self._servers[key] = _Server(key)
        pipes = server.ask(command, variables, log)
        if not self._num_left[agent_key] and not self._is_lasting:
            for other in [other for other in self._servers if other[:2] == agent_key]:
                self._servers[other].close()
        return pipes


def is_possible(task: Task) -> bool:
    """Returns whether a run's worker may be forked: on Linux, without a GPU, from a server that may import its agent."""
    is_wanted = os.environ.get(WARM_VARIABLE, "") not in ("0", "off")
    is_known = bool(task.agent) and (":" not in task.agent or task.agent in task.allow)
    return is_wanted and is_known and sys.platform == "linux" and not task.device.startswith("cuda")


def _agent_key(task: Task) -> _AgentKey:
    return task.agent, tuple(sorted(task.modules))


def _key(task: Task, variables: Mapping[str, str]) -> _Key:
    read_at_import = tuple(sorted((name, value) for name, value in variables.items() if name not in OWN_VARIABLES))
    return (*_agent_key(task), str(Path.cwd()), read_at_import)


class _Server:
    """One server process, which ends when this side of its socket is closed: by `close`, or by the end of this process."""

    def __init__(self, key: _Key) -> None:
        agent, modules, folder, variables = key
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_REQUEST_BYTES)
        with theirs, tempfile.TemporaryFile() as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "arena.worker.server", agent, *modules],
                env=dict(variables),
                cwd=folder,
                stdin=theirs.fileno(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def ask(self, command: Sequence[str], variables: Mapping[str, str], log: IO[bytes]) -> Pipes | None:
        """Asks for a worker; returns the pipes to it, None if the server is gone or does not take the request."""
        request = json.dumps({"command": list(command), "environment": dict(variables)}).encode()
        lifeline_end, lifeline = os.pipe()
        events, events_end = os.pipe()
        try:
            socket.send_fds(self._socket, [request], [lifeline_end, events_end, log.fileno()], socket.MSG_DONTWAIT)
        except OSError:
            for descriptor in (lifeline, events):
                os.close(descriptor)
            self.close()
            return None
        finally:
            for descriptor in (lifeline_end, events_end):
                os.close(descriptor)
        return Pipes(os.fdopen(lifeline, "wb", 0), os.fdopen(events, "rb", 0))

    def close(self) -> None:
        """Lets the server end once it has answered all requests; its workers go on."""
        self._socket.close()

    def end(self) -> None:
        """Ends the server at once; its workers go on, requests that it has not answered are lost."""
        self.close()
        self._process.kill()
        self._process.wait()
