"""What a measurement was made on: the day, the machine, its cores, the versions of packages and the commit."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arena.machine.description import machine_info
from arena.machine.versions import git_commit, package_versions

VERSIONS = (
    *("arena-rl", "gymnasium", "numpy", "tf-agents", "tensorflow", "tf-keras", "ray", "torch", "keras", "jax"),
    *("keras-rl2", "onnxruntime"),
)
"""Distributions whose versions are noted."""


def measured_circumstances(rounds: int, cores: Sequence[int], threads: int = 1) -> dict[str, Any]:
    """Returns when and on what something is being measured, fit for JSON."""
    return {
        "rounds": rounds,
        "cores": list(cores),
        "threads": threads,
        "time": time.strftime("%Y-%m-%d"),
        "machine": machine_info(),
        "versions": package_versions(VERSIONS),
        "git": git_commit(Path(__file__).parent),
    }
