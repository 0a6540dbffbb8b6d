"""Versions of what runs: installed packages, and the commit of the code."""

import functools
import importlib.metadata
import os
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
    return {name: _version(name) for name in names}


@functools.cache
def _version(name: str) -> str | None:
    """Returns what is installed when a process asks first."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def git_commit(directory: Path) -> dict[str, Any] | None:
    """Returns `{"commit": hash, "dirty": bool}` of the repository that holds `directory`; never raises.

    Dirty means that tracked files were changed. The value is None if `directory` is not in a repository with a commit, or without git. No
    program that the repository's own settings name is started: the directory may be a stranger's.
    """
    commit = _git(directory, "rev-parse", "HEAD")
    settings = _without_filters(directory) if commit is not None else None
    if settings is None:
        return None
    changes = _git(directory, *settings, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all")
    return None if commit is None or changes is None else {"commit": commit, "dirty": bool(changes)}


def _without_filters(directory: Path) -> list[str] | None:
    """Returns the options that switch off all content filters of a repository, which `git status` would run on changed files."""
    listed = _git(directory, "config", "--null", "--name-only", "--list")
    if listed is None:
        return None
    keys = [key for key in listed.split("\0") if key.startswith("filter.") and key.endswith((".clean", ".process", ".required"))]
    values = {key: "false" if key.endswith(".required") else "" for key in keys}
    return [part for key, value in values.items() for part in ("-c", f"{key}={value}")]


def _git(directory: Path, *arguments: str) -> str | None:
    command = [
        "git",
        "--no-optional-locks",
        "-c",
        "core.fsmonitor=false",
        "-c",
        "core.hooksPath=/dev/null",
        "-C",
        str(directory),
        *arguments,
    ]
    variables = {**os.environ, "GIT_ALLOW_PROTOCOL": "none", "GIT_TERMINAL_PROMPT": "0"}  # a partial clone would fetch what it lacks
    try:
        process = subprocess.run(command, env=variables, capture_output=True, text=True, check=True, timeout=GIT_TIMEOUT_SECONDS)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return process.stdout.strip()
