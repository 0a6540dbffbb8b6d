"""What a run's record says about the machine, the packages and the code; and what a process uses while it runs."""

import contextlib
import dataclasses
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

from arena.machine.gpus import GpuSampler, GpuUsage, gpu_info

GIT_TIMEOUT_SECONDS = 10.0


def machine_info() -> dict[str, Any]:
    """Returns platform, Python, CPU, cores, memory and GPUs, fit for JSON. No host name and no user name."""
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


def available_cores() -> int:
    """Returns the number of cores that this process may run on: fewer than the machine has under `taskset` or in a job."""
    return len(usable_cores())


def usable_cores() -> list[int]:
    """Returns the numbers of the cores that this process may run on."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def package_versions(names: Iterable[str]) -> dict[str, str | None]:
    """Returns the installed version of each distribution, None where it is not installed."""
    versions: dict[str, str | None] = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def git_commit(directory: Path) -> dict[str, Any] | None:
    """Returns `{"commit": hash, "dirty": bool}` of the repository that holds `directory`.

    Dirty means changes to tracked files. None where there is no repository, no commit or no git; never raises.
    """
    commit = _git(directory, "rev-parse", "HEAD")
    changes = _git(directory, "status", "--porcelain", "--untracked-files=no")
    return None if commit is None or changes is None else {"commit": commit, "dirty": bool(changes)}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What the process uses at one moment."""

    cpu_percent: float
    """CPU time of all its threads over wall time since the last sample (or the beginning); 100 is one core."""
    rss_bytes: int
    """Resident memory."""
    gpu: GpuUsage
    """Of the run's GPU."""


class UsageSampler:
    """Samples what this process uses; child processes are not counted.

    Args:
        gpus: to look at, as `CUDA_VISIBLE_DEVICES` names them; all of the machine if None.
    """

    def __init__(self, gpus: list[str] | None = None) -> None:
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first call only sets the beginning
        self._gpus = GpuSampler(self._process.pid, gpus)

    def sample(self) -> Usage:
        """Returns the usage now, with the CPU time since the last call."""
        with self._process.oneshot():
            return Usage(
                cpu_percent=self._process.cpu_percent(),
                rss_bytes=self._process.memory_info().rss,
                gpu=self._gpus.sample(),
            )


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _git(directory: Path, *arguments: str) -> str | None:
    command = ["git", "--no-optional-locks", "-C", str(directory), *arguments]
    try:
        process = subprocess.run(command, capture_output=True, text=True, check=True, timeout=GIT_TIMEOUT_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None
    return process.stdout.strip()
