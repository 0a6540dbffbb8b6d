"""Limits of requests: their size, their number and their duration."""

import dataclasses
import time
from collections import OrderedDict
from collections.abc import Callable

from arena.policies.size_check import BATCH

MAX_CLIENTS = 10_000
"""Largest number of clients whose rate is known; the one that was silent longest is forgotten first."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """What a server takes."""

    max_body_bytes: int = 8 * 1024**2
    """Largest size of a request's body."""
    max_observations: int = 1_024
    """Largest number of observations in a request."""
    max_waiting: int = 1_024
    """Largest number of requests that wait for a policy; further ones are told to come again."""
    requests_per_second: float = 1_000.0
    """Requests of one client in a second, on average over a short time; 0 does not count them."""
    read_seconds: float = 10.0
    """Seconds within which a request's head, and then its body, must be there."""
    max_connections: int = 512
    """Largest number of connections; further ones are told to come again."""
    batch_observations: int = BATCH
    """Largest number of observations in one call of a policy; the check of policy files bounds what so many take."""
    call_seconds: float = 5.0
    """Seconds for one call of a policy, after which its process is ended and begun anew."""


class Rates:
    """The rate of each client: a bucket of one second's requests, which fills as fast as they are allowed.

    Args:
        per_second: Requests in a second; 0 allows all.
        clock: Function that tells the time in seconds.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._clock = per_second, clock
        self._size = max(1.0, per_second)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, client: str) -> bool:
        """Returns whether a client may ask now, and counts that it did."""
        if self._per_second <= 0:
            return True
        now = self._clock()
        left, before = self._left.pop(client, (self._size, now))
        left = min(self._size, left + (now - before) * self._per_second)
        is_allowed = left >= 1.0
        self._left[client] = (left - 1.0 if is_allowed else left, now)
        if len(self._left) > MAX_CLIENTS:
            self._left.popitem(last=False)
        return is_allowed
