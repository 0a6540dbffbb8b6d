"""Description of the machine for the record of a run: platform, processor, memory and GPUs."""

import contextlib
import os
import platform
from pathlib import Path
from typing import Any

import psutil

from arena.machine.cores import available_cores
from arena.machine.gpus import gpu_info


def machine_info() -> dict[str, Any]:
    """Returns platform, Python, CPU, cores, memory and GPUs, fit for JSON; neither the host's nor the user's name is in it."""
    return {
        "platform": platform.platform(),
        "python": platform.python_version(),
        "cpu": _cpu_model(),
        "cores_physical": psutil.cpu_count(logical=False),
        "cores_logical": psutil.cpu_count(),
        "cores_available": available_cores(),
        "memory_bytes": psutil.virtual_memory().total,
        "gpus": gpu_info(),
    }


def load_average() -> float | None:
    """Returns the number of processes that ran or waited for a core, mean over the last minute; None where the system does not tell."""
    try:
        return round(os.getloadavg()[0], 2)
    except (OSError, AttributeError):
        return None


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
