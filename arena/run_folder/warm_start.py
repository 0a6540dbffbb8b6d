"""Warm starts: the checkpoint of another run that an agent begins from (`init` of its entry in the experiment's file)."""

import dataclasses
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.formats.folders import Folder
from arena.formats.locks import is_locked
from arena.run_folder.checkpoint_seal import SEAL_NAME, check_seal
from arena.run_folder.folder import CHECKPOINTS
from arena.run_folder.inputs import Run
from arena.run_folder.record import RunRecord


@dataclasses.dataclass(frozen=True, kw_only=True)
class Origin:
    """What a run begins from."""

    run: str
    """Name of the other run."""
    path: Path
    """Its folder."""
    env_steps: int
    """Env steps that it had taken."""
    checkpoint: Path
    """Folder of its latest checkpoint."""
    sha256: str
    """SHA-256 of the checkpoint's manifest, which holds those of all its files."""

    def described(self) -> dict[str, Any]:
        """Returns what a record keeps of it."""
        return {"run": self.run, "path": str(self.path), "env_steps": self.env_steps, "sha256": self.sha256}


def find_origin(run: Run) -> Origin:
    """Returns what a run begins from, after every file of it was checked.

    Args:
        run: a run whose agent has an `init`: a run folder, or a folder whose `seed-<n>` is that of a run with the same seed.

    Raises:
        ArenaError: if there is no such run, it is at work, it is of another agent, or it has no checkpoint that is whole.
    """
    assert run.agent.init is not None
    where, given = f"agent {run.agent.name!r}: init={run.agent.init!r}", Path(run.agent.init)
    if given.suffix == ".onnx":
        raise ArenaError(
            f"{where}: a policy holds how an agent acts, without the critics, target networks, optimizer and replay buffer "
            "that learning goes on with; give the run's folder"
        )
    path = given if (given / "run.json").exists() else given / f"seed-{run.seed}"
    record = RunRecord(path)
    if not record.files.run.exists():
        raise ArenaError(f"{where}: neither it nor {path} is the folder of a run; give the folder that holds its run.json")
    if record.run.agent.agent != run.agent.agent:
        raise ArenaError(f"{where}: {path} is a run of {record.run.agent.agent!r}, whose checkpoints {run.agent.agent!r} cannot read")
    if is_locked(path):
        raise ArenaError(f"{where}: a worker is at work in {path}; wait until it ends")
    checkpoint, summary = record.files.latest_checkpoint(), record.checkpoint
    if checkpoint is None or summary is None:
        raise ArenaError(f"{where}: {path} holds no checkpoint")
    folder, name = Folder(path), f"{CHECKPOINTS}/{checkpoint.name}"
    folder.check(name)
    check_seal(folder, name)
    sha256 = folder.sha256(f"{name}/{SEAL_NAME}")
    return Origin(run=record.run.name, path=path, env_steps=summary.env_steps, checkpoint=checkpoint, sha256=sha256)


def began_from(record_init: Any) -> str:
    """Returns what a record keeps of an origin, for a sentence: `keras-dqn/CartPole-v1/seed-0 after 20,000 env steps`."""
    if not isinstance(record_init, dict):
        return "another run"
    env_steps = record_init.get("env_steps")
    return f"{record_init.get('run')}" + (f" after {env_steps:,} env steps" if isinstance(env_steps, int) else "")
