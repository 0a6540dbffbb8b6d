"""Versions of what runs: installed packages, and the commit of the code."""

import importlib.metadata
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CORE_DISTRIBUTIONS = ("arena-rl", "gymnasium", "numpy", "onnx", "onnxruntime", "tensorboard")
"""Packages of the core whose versions stand in the record of every run."""
GIT_TIMEOUT_SECONDS = 10.0
"""Longest time for an answer of git."""


def package_versions(names: Iterable[str]) -> dict[str, str | None]:
    """Returns the installed version of each distribution; None for one that is not installed."""
    versions: dict[str, str | None] = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def git_commit(directory: Path) -> dict[str, Any] | None:
    """Returns `{"commit": hash, "dirty": bool}` of the repository that holds `directory`; never raises.

    Dirty means that tracked files were changed. The value is None if `directory` is not in a repository with a commit, or without git.
    """
    commit = _git(directory, "rev-parse", "HEAD")
    changes = _git(directory, "status", "--porcelain", "--untracked-files=no")
    return None if commit is None or changes is None else {"commit": commit, "dirty": bool(changes)}


def _git(directory: Path, *arguments: str) -> str | None:
    command = ["git", "--no-optional-locks", "-C", str(directory), *arguments]
    try:
        process = subprocess.run(command, capture_output=True, text=True, check=True, timeout=GIT_TIMEOUT_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None
    return process.stdout.strip()
