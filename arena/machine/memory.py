"""Memory that processes on this machine may use."""

from pathlib import Path

import psutil

_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Files that hold the limit of a container, by version of the kernel's control groups."""


def memory_bytes() -> int:
    """Returns the machine's memory, or a container's limit where that is lower."""
    limits = [int(psutil.virtual_memory().total)]
    for file in _CGROUP_LIMITS:
        try:
            limits.append(int(file.read_text()))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return min(limits)
