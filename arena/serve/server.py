"""The process that listens: uvicorn, on this machine alone unless told otherwise."""

import asyncio
import contextlib
import ipaddress
import socket
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h11
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from arena.errors import ArenaError
from arena.serve.app import make_app
from arena.serve.limits import Limits
from arena.serve.metrics import ServerCounts
from arena.serve.models import load_models

MIN_TOKEN_CHARACTERS = 16
"""Smallest length of a token."""
STOP_SECONDS = 10
"""Seconds that requests under way have when the server is told to stop."""
KEEP_ALIVE_SECONDS = 5
"""Seconds for which an idle connection stays open."""
MAX_HEAD_BYTES = 16_384
"""Largest size of a request's head."""


def check_address(host: str, token: str | None) -> bool:
    """Returns whether an address is reached from this machine alone.

    Raises:
        ArenaError: If it is not, and there is no token; or the token is too short to be one.
    """
    if token is not None and (len(token) < MIN_TOKEN_CHARACTERS or not token.isascii() or not token.isprintable()):
        raise ArenaError(f"a token has {MIN_TOKEN_CHARACTERS} plain characters or more")
    is_loopback = host == "localhost"
    with contextlib.suppress(ValueError):
        is_loopback |= ipaddress.ip_address(host).is_loopback
    if not is_loopback and token is None:
        raise ArenaError(f"{host} is reached from other machines, so a token is asked for: --token-file FILE")
    return is_loopback


def serve(
    policies: Sequence[tuple[str, Path]],
    *,
    host: str,
    port: int,
    token: str | None,
    limits: Limits,
    on_ready: Callable[[str], None],
    on_server: Callable[[uvicorn.Server], None] = lambda _: None,
) -> None:
    """Serves policies until it is told to stop (Ctrl-C, SIGTERM): it takes no further request then, and answers those under way.

    Args:
        policies: Name and policy file of each.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        token: Word that requests must carry; None asks for none.
        limits: Limits of requests.
        on_ready: Function that is told the address once policies are loaded and the port is taken.
        on_server: Function that is given the server before it runs, to stop it by `should_exit` from another thread.

    Raises:
        ArenaError: If a policy is refused, the address needs a token, or the port cannot be taken.
    """
    is_loopback, metrics = check_address(host, token), ServerCounts()
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(_socket(host, port))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="arena-serve-"))
        models = load_models(policies, Path(folder), limits, metrics)
        stack.callback(models.close)
        app = make_app(models, metrics, limits, token=token, any_host=not is_loopback)
        server = uvicorn.Server(_config(app, limits))
        on_server(server)
        bound = listening.getsockname()
        on_ready(f"http://{f'[{bound[0]}]' if ':' in bound[0] else bound[0]}:{bound[1]}")
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises the signal again once it has stopped
            server.run(sockets=[listening])


def _config(app: Starlette, limits: Limits) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=patient_protocol(limits.read_seconds),
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=limits.max_connections,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )


def patient_protocol(seconds: float) -> type[H11Protocol]:
    """Returns uvicorn's HTTP protocol, which closes a connection whose next head isn't whole in time: uvicorn itself waits for ever.

    Args:
        seconds: Seconds from the first byte of a head, or from the connection, to the head's end.
    """

    class PatientProtocol(H11Protocol):
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_timer()
            super().connection_lost(exc)

        def _watch(self) -> None:
            if self.conn.their_state is not h11.IDLE:
                self._stop_timer()
            elif self._timer is None:
                self._timer = self.loop.call_later(seconds, self._give_up)

        def _give_up(self) -> None:
            self._timer = None
            if self.conn.their_state is h11.IDLE:
                self.transport.close()

        def _stop_timer(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return PatientProtocol


def _socket(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=1_024)
        # Connections inherit it. asyncio sets it only where a socket names its protocol, and Nagle's algorithm costs 40 ms an answer.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except OSError as error:
        raise ArenaError(f"cannot listen on {host}, port {port}: {error.strerror}") from error
