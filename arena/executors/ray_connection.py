"""The connection to a Ray cluster: joined in a bounded time, with a line that says who can run code there, and left again.

This module is handed Ray and imports none.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from typing import Any

from arena.errors import ArenaError
from arena.executors.ray_errors import short
from arena.terminal.output import complain

CONNECT_SECONDS = 5.0
"""Seconds to wait for the cluster's address to answer."""
JOIN_SECONDS = 60.0
"""Seconds to wait for what answers there to let a first process join it as a Ray cluster."""


class RayConnection:
    """Connection of this process to a cluster, for one `with` at a time.

    Args:
        ray: the module `ray`.
        address: `auto`, `HOST:PORT` or `ray://HOST:PORT` (`ExecutorConfig.address`).
    """

    def __init__(self, ray: Any, address: str) -> None:
        self._ray, self._address = ray, address
        self._undo = contextlib.ExitStack()

    def join(self) -> None:
        """Joins the cluster, unless this process has joined one: earlier, or in the caller's name, whose connection it stays.

        Raises:
            ArenaError: if no cluster can be reached at the address.
        """
        if self._ray.is_initialized():
            return
        address = os.environ.get("RAY_ADDRESS", "auto") if self._address == "auto" else self._address
        _check_address(address)
        on_sigterm = signal.getsignal(signal.SIGTERM)
        try:
            context = self._ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise ArenaError(f"cannot join the Ray cluster at {address}: {short(error)}") from error
        # Ray prints to standard output what it hears of lost nodes, whatever `log_to_driver` says; also while it shuts down.
        self._undo.enter_context(contextlib.redirect_stdout(sys.stderr))
        self._undo.callback(self._ray.shutdown)
        complain(f"arena: {exposure(address, getattr(context, 'dashboard_url', None), os.environ.get('RAY_AUTH_MODE'))}")
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_sigterm)  # Ray has put its own in place

    def close(self) -> None:
        """Leaves the cluster if `join` has joined it."""
        self._undo.close()


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
        subprocess.run([sys.executable, "-P", "-c", code, address], capture_output=True, timeout=JOIN_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise ArenaError(f"what listens at {address} does not answer as a Ray cluster within {JOIN_SECONDS:g} s") from error
