"""The channel between a policy's process and its user: messages of a kind, a length and that many bytes, over a socket.

The user's side believes no length: it takes no more bytes than it expects, and waits no longer than its deadline.
"""

import math
import socket
import struct
import time
from typing import Any, Literal

import numpy.typing as npt

ACTIONS: Literal[0] = 0
"""Kind of a request for actions, and of every answer that keeps to what was asked."""
SCORES: Literal[1] = 1
"""Kind of a request for action scores."""
ERROR: Literal[2] = 2
"""Kind of an answer that is a sentence about what went wrong."""
EPISODES: Literal[3] = 3
"""Kind of a request for whole episodes (`whole_episodes.py`), as JSON."""
SIGN_OF_LIFE: Literal[4] = 4
"""Kind of a message that whole episodes are still being played, and of the answer that they may be."""

MAX_TEXT_BYTES = 64 * 1024
"""Max size of a message that is text."""

_HEADER = struct.Struct("=BQ")  # kind, length


class Closed(Exception):
    """Raised when the other side has closed its end, which is how a process that died is noticed."""


class TooLate(Exception):
    """Raised when a message isn't through in time."""


class Garbled(Exception):
    """Raised when the other side sends what it must not."""


class Channel:
    """One end of the channel; messages go to and fro, one at a time.

    Args:
        connection: The socket, which blocks.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = memoryview(bytearray(_HEADER.size + MAX_TEXT_BYTES))
        self._seconds = math.inf

    def set_timeout(self, seconds: float) -> None:
        """Sets the longest time for a message; the system keeps it, since a call before each transfer, as Python makes, costs time."""
        whole, part = divmod(seconds, 1.0)
        value = struct.pack("@ll", int(whole), max(1, int(1e6 * part)))
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self._connection.setsockopt(socket.SOL_SOCKET, option, value)
        self._seconds = seconds

    def send(self, kind: int, content: bytes | npt.NDArray[Any]) -> None:
        """Sends a message; an array must be contiguous.

        Raises:
            Closed: If the other side has closed its end.
            TooLate: If the other side doesn't take it in time.
        """
        buffer: Any = content if len(content) else b""  # memory of no size cannot be cast
        view = memoryview(buffer).cast("B")
        header = _HEADER.pack(kind, view.nbytes)
        try:
            sent = self._connection.sendmsg((header, view))
            if sent < len(header) + view.nbytes:
                self._connection.sendall(header[sent:])
                self._connection.sendall(view[max(0, sent - len(header)) :])
        except BlockingIOError:
            raise TooLate from None
        except ConnectionError:
            raise Closed from None

    def receive(self, max_bytes: float = math.inf) -> tuple[int, memoryview]:
        """Receives a message; returns its kind and its bytes, which the next call overwrites.

        Args:
            max_bytes: Largest size of a message that is expected.

        Raises:
            Closed: If the other side has closed its end.
            TooLate: If it isn't there in time.
            Garbled: If it is longer.
        """
        have = self._receive_some(self._buffer)
        end, deadline = _HEADER.size, None
        while True:
            if have >= _HEADER.size:
                kind, size = _HEADER.unpack_from(self._buffer)
                end = _HEADER.size + size
                if have == end:
                    return kind, self._buffer[_HEADER.size : end]
                if have > end or size > max_bytes:
                    raise Garbled
                self._grow(end, have)
            deadline = deadline or time.monotonic() + self._seconds
            have += self._receive_some(self._buffer[have:end])
            if time.monotonic() > deadline:
                raise TooLate

    def close(self) -> None:
        """Closes this end."""
        self._connection.close()

    def _receive_some(self, room: memoryview) -> int:
        try:
            received = self._connection.recv_into(room)
        except BlockingIOError:
            raise TooLate from None
        except ConnectionError:
            raise Closed from None
        if not received:
            raise Closed
        return received

    def _grow(self, size: int, have: int) -> None:
        if size > len(self._buffer):
            larger = memoryview(bytearray(size))
            larger[:have] = self._buffer[:have]
            self._buffer = larger
