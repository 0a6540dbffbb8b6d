"""The policies that a run has kept by step (`evaluation.keep_policies`): an agent's past selves, which can meet in a tournament."""

from pathlib import Path
from typing import NamedTuple

from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord


class KeptPolicies(NamedTuple):
    """The policies of one run."""

    agent: str
    """Name of the agent in its experiment."""
    by_env_steps: tuple[tuple[int, Path], ...]
    """Env steps after which each policy was taken, and its file, the oldest first."""


def kept_policies(folder: Path) -> KeptPolicies | None:
    """Returns the policies in the folder `snapshots` of a run; None for any other folder, or if it holds none.

    Raises:
        ArenaError: If the run cannot be read.
    """
    files = RunDir(folder.resolve().parent)
    if folder.resolve() != files.snapshots or not files.run.exists():
        return None
    policies = tuple((env_steps, files.snapshot(env_steps)) for env_steps in files.snapshot_steps())
    return KeptPolicies(RunRecord(files.path).run.agent.name, policies) if policies else None
