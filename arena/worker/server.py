"""The server of warm workers: `python -P -m arena.worker.server AGENT MODULE...` imports one framework, once, and forks a process per run.

It only imports. Nothing is built and nothing compiled here: threads and locks of a framework do not survive a fork, its modules do.
Requests come over the socket that is its standard input (`arena.executors.warm`), each with the pipes of one worker; the end of the socket
is its own. A fork becomes the keeper of one worker, and forks the worker; both may outlive the server.
"""

import gc
import importlib
import json
import os
import random
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from arena.agent.isolation import refuse_other_frameworks
from arena.agent.registry import agent_spec
from arena.executors import keeper
from arena.executors.process import IMPORTED_VARIABLE
from arena.executors.warm import MAX_REQUEST_BYTES, NUM_PIPES
from arena.worker.exit import is_fast_exit_known, leave
from arena.worker.worker import main as work

MAX_LOG_BYTES = 2**20
"""Largest number of bytes printed during the import that each worker's log begins with."""


def main(agent: str, modules: Sequence[str]) -> int:
    """Imports an agent, and serves until nobody can ask any longer; returns an exit code: 1 if this process cannot be forked safely."""
    requests = socket.socket(fileno=os.dup(0))
    if not is_fast_exit_known():
        return 1
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # a GPU that was touched here would be lost to the forks
    gc.disable()  # as a worker does until its agent is built (docs/startup.md)
    refuse_other_frameworks(frozenset(modules))
    begun = time.monotonic()
    spec = agent_spec(agent)
    spec.load()
    for module in spec.warm_imports:
        importlib.import_module(module)
    imported = f"{begun:.3f},{time.monotonic():.3f}"
    if threading.active_count() > 1:
        return 1
    gc.freeze()
    signal.signal(signal.SIGCHLD, _reap)
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, MAX_REQUEST_BYTES, NUM_PIPES)
        if not message:
            return _wait_for_keepers()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # JAX and Python warn of forks with threads; those here belong to libraries that allow it
            process_id = os.fork()
        if process_id == 0:
            requests.close()
            _keep(json.loads(message), descriptors, imported)
        for descriptor in descriptors:
            os.close(descriptor)


def _keep(request: Mapping[str, Any], descriptors: Sequence[int], imported: str) -> NoReturn:
    """Turns this process, a fork of the server, into the keeper of a worker."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        printed = os.pread(2, MAX_LOG_BYTES, 0)
        for target, descriptor in enumerate(descriptors):
            os.dup2(descriptor, target)
            os.close(descriptor)
        os.write(2, printed)
        keeper.keep(lambda: _work({**request["environment"], IMPORTED_VARIABLE: imported}, request["command"]))
    finally:
        os._exit(0)


def _work(environment: Mapping[str, str], command: Sequence[str]) -> NoReturn:
    """Turns this process into the worker that `command` would have started."""
    os.environ.clear()
    os.environ.update(environment)
    sys.orig_argv[:] = command
    path, *allow = command[command.index("arena.worker") + 1 :]
    random.seed()
    np.random.seed()  # noqa: NPY002  # the global generator, which every worker would otherwise share
    leave(work(path, allow))


def _wait_for_keepers() -> int:
    """Stays until all keepers have ended, since a container may have nobody else who takes note of their ends; returns an exit code."""
    try:
        while True:
            os.wait()
    except ChildProcessError:
        return 0


def _reap(*_: object) -> None:
    """Forgets the keepers that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    code = main(sys.argv[1], sys.argv[2:])
    os._exit(code)
