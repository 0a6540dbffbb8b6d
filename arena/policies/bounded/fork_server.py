"""The server that forks the processes of policies: it has loaded what they need, runs nothing of a policy, and ends with its user.

It is started as `python -P -m arena.policies.bounded.fork_server DESCRIPTOR`, with one end of a socket. Each command is a line of JSON:

==========================================  ====================================================================================
`{"start": {...}}` and two descriptors      forks a process for the open file and the socket in them; answers `{"pid": 12}`
`{"end": 12}`                               kills that process if need be; answers `{"exit_code": -8, "cpu_seconds": 0.1}`
==========================================  ====================================================================================

A policy's process that is left over when the socket closes is killed: no policy outlives the process that it played for.
"""

import contextlib
import json
import os
import signal
import socket
import sys
import warnings
from typing import Any

from arena.policies.bounded.bounds import Bounds
from arena.policies.bounded.limits import end_with_parent, leave_network, limit_process

if __name__ == "__main__":  # before onnxruntime is imported below, which starts a thread
    leave_network()

from arena.environments.plugins import own_plugin
from arena.policies.bounded.player_process import serve

MAX_COMMAND_BYTES = 32 * 1024
"""Max size of a command."""


def main(descriptor: str) -> None:
    """Carries out commands until the other end of the socket is closed.

    Args:
        descriptor: Number of the socket's descriptor.
    """
    own_plugin()  # imported once here, and not by each policy's process
    warnings.simplefilter("ignore", DeprecationWarning)  # onnxruntime's one thread sleeps, and holds nothing that a fork would miss
    pids: set[int] = set()
    with socket.socket(fileno=int(descriptor)) as control:
        while True:
            command, descriptors = _next_command(control)
            if command is None:
                break
            if "start" in command:
                pid = _fork(control, command["start"], descriptors)
                pids.add(pid)
                answer: dict[str, Any] = {"pid": pid}
            else:
                pids.remove(command["end"])
                answer = _end(command["end"])
            control.sendall(json.dumps(answer).encode() + b"\n")
    for pid in pids:
        _end(pid)


def _next_command(control: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """Returns the next command with its descriptors; None when the other side is gone."""
    with contextlib.suppress(ConnectionError):
        content, descriptors, _, _ = socket.recv_fds(control, MAX_COMMAND_BYTES, 2)
        if content:
            return json.loads(content), list(descriptors)
    return None, []


def _fork(control: socket.socket, start: dict[str, Any], descriptors: list[int]) -> int:
    """Forks a policy's process, and returns its id."""
    parent = os.getpid()
    pid = os.fork()
    if not pid:
        try:
            end_with_parent(parent)
            control.close()
            bounds = Bounds(**start["bounds"])
            limit_process(bounds.memory_bytes)
            serve(socket.socket(fileno=descriptors[0]), descriptors[1], start["shown"], bounds)
        finally:
            os._exit(0 if sys.exc_info()[0] is None else 1)
    for each in descriptors:
        os.close(each)
    return pid


def _end(pid: int) -> dict[str, Any]:
    """Kills a process if it is still there, and returns how it ended and what it took."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    return {"exit_code": os.waitstatus_to_exitcode(status), "cpu_seconds": usage.ru_utime + usage.ru_stime}


if __name__ == "__main__":
    main(*sys.argv[1:])
