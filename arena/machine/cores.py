"""Processor cores that this process may use."""

import os


def available_cores() -> int:
    """Returns the number of cores that this process may run on: fewer than the machine has under `taskset` or in a job."""
    return len(usable_cores())


def usable_cores() -> list[int]:
    """Returns the numbers of the cores that this process may run on."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
