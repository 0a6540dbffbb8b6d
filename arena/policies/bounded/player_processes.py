"""The processes that play policies, as their user sees them: they are started and ended through a fork server, one for each user."""

import atexit
import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.policies.bounded.bounds import Bounds
from arena.policies.bounded.channel import Channel
from arena.policies.file_check import open_policy

GRACE_SECONDS = 1.0
"""Max seconds to wait for the fork server to end after its socket is closed."""

_MEANINGS = {
    signal.SIGFPE: "a division of integers that has no answer",
    signal.SIGSEGV: "it reached for memory that isn't its own",
    signal.SIGKILL: "perhaps by the system, for want of memory",
    signal.SIGABRT: "perhaps for want of memory",
}


@dataclasses.dataclass(frozen=True)
class Ending:
    """How a policy's process ended."""

    exit_code: int
    """Exit code; the negative number of a signal that ended it."""
    cpu_seconds: float
    """CPU time that the process took, without what the server did for it."""

    def __str__(self) -> str:
        if self.exit_code >= 0:
            return f"its process ended with exit code {self.exit_code}"
        number = signal.Signals(-self.exit_code)
        meaning = f" ({_MEANINGS[number]})" if number in _MEANINGS else ""
        return f"its process was ended by {number.name}{meaning}"


class PlayerProcess:
    """A process for one policy file.

    Args:
        path: The ONNX file. It is opened here, so that the process needs no files.
        shown: Name of the policy; begins errors.
        bounds: Bounds of the process.

    Raises:
        ArenaError: If the file cannot be opened or is too large, or no process can be started.
    """

    def __init__(self, path: Path, shown: str, bounds: Bounds) -> None:
        self._server = _server()
        with open_policy(path) as file:
            connection, there = socket.socketpair()
            try:
                with there:
                    start = {"shown": shown, "bounds": dataclasses.asdict(bounds)}
                    self.pid: int = self._server.command({"start": start}, (there.fileno(), file))["pid"]
            except BaseException:
                connection.close()
                raise
        self.channel = Channel(connection)
        """Channel to the process."""

    def end(self) -> Ending:
        """Ends the process, and returns how it ended: by itself, if it did so before.

        Raises:
            ServerGone: If the server has ended, which takes its processes along.
        """
        self.channel.close()
        return Ending(**self._server.command({"end": self.pid}))


class ServerGone(ArenaError):
    """Raised when the server that forks the processes of policies has ended."""


_servers: dict[int, "_ForkServer"] = {}
"""The server of this process, by the id of this process: a fork of it must not talk to its parent's server."""


def _server() -> "_ForkServer":
    server = _servers.get(os.getpid())
    if server is None or not server.is_open:
        server = _servers[os.getpid()] = _ForkServer()
        atexit.register(server.close)
    return server


class _ForkServer:
    """The fork server of this process; it ends with it, however that ends."""

    def __init__(self) -> None:
        # -P: a stranger's folder may be the current one, and hold an onnx.py.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._control, there = socket.socketpair()
        with there:
            command = [sys.executable, "-P", "-m", "arena.policies.bounded.fork_server", str(there.fileno())]
            self._process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[there.fileno()],
                start_new_session=True,  # Ctrl-C is the user's business, who closes the socket
            )
        self._lock = threading.Lock()

    def command(self, command: dict[str, Any], descriptors: tuple[int, ...] = ()) -> dict[str, Any]:
        """Sends a command, and returns the answer."""
        with self._lock:
            try:
                socket.send_fds(self._control, [json.dumps(command).encode()], descriptors)
                answer = b""
                while not answer.endswith(b"\n"):
                    part = self._control.recv(4096)
                    if not part:
                        raise ConnectionResetError
                    answer += part
            except BaseException as error:  # an interrupt too: whatever is answered later would answer another question
                self.close()
                if isinstance(error, OSError):
                    raise ServerGone(f"the process that starts policies has ended (exit code {self._process.poll()})") from error
                raise
        return dict(json.loads(answer))

    @property
    def is_open(self) -> bool:
        """Whether commands can be sent."""
        return self._control.fileno() >= 0 and self._process.poll() is None

    def close(self) -> None:
        """Closes the socket; the server then kills what it forked, and ends."""
        _servers.pop(os.getpid(), None)
        self._control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_SECONDS)
