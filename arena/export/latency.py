"""Latency of a policy: seconds of one call, over many calls."""

import dataclasses
import time
from collections.abc import Callable

import numpy as np

BATCH_SIZES = (1, 256)
"""Numbers of observations in a call for which the latency is measured."""
MAX_CALLS = 2_000
"""Largest number of calls that are measured."""
MAX_SECONDS = 1.0
"""Seconds after which no further call is measured."""
WARM_UP_CALLS = 5
"""Number of calls before the first that is measured."""


@dataclasses.dataclass(frozen=True)
class Latency:
    """Duration of calls with one number of observations."""

    batch_size: int
    """Number of observations in a call."""
    p50_microseconds: float
    """Median."""
    p99_microseconds: float
    """99th percentile."""
    num_calls: int
    """Number of calls measured."""


def measure(call: Callable[[], object], batch_size: int) -> Latency:
    """Returns the latency of a call, in this process.

    Args:
        call: Function that plays one batch.
        batch_size: Number of observations in it, for the result.
    """
    for _ in range(WARM_UP_CALLS):
        call()
    seconds: list[float] = []
    end = time.perf_counter() + MAX_SECONDS
    while len(seconds) < MAX_CALLS and (not seconds or time.perf_counter() < end):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    p50, p99 = (1e6 * float(value) for value in np.percentile(seconds, (50, 99)))
    return Latency(batch_size, p50, p99, len(seconds))
