"""Progress of a run, read from its folder alone: also while the run is at work, and after a crash."""

import dataclasses
import time
from pathlib import Path
from typing import Literal

from arena.errors import ArenaError
from arena.formats.folders import Folder
from arena.formats.locks import is_locked
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult

RunState = Literal["to do", "running", "interrupted", "finished", "pruned", "failed", "damaged"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunProgress:
    """How far a run is."""

    name: str
    state: RunState
    """State of the run. `to do`: it has not begun. `interrupted`: it was cut, and a resume begins at the last checkpoint, if there is one.
    `pruned`: a search gave it up. `damaged`: a file of it cannot be read, or was changed after its end."""
    env_steps: int = 0
    """Largest number of env steps that the run is known to have taken."""
    max_env_steps: int | None = None
    """Env steps of the run's budget; None if it has not begun."""
    checkpoint_env_steps: int | None = None
    """Env steps at which a resume begins."""
    best_return: float | None = None
    """Mean return of the best selection evaluation so far."""
    score_mean: float | None = None
    """Mean return of the final evaluation."""
    reason: str = ""
    """Cause of the run's end."""
    age_seconds: float | None = None
    """Seconds since something was last written."""


def progress(run_dir: RunDir, name: str) -> RunProgress:
    """Returns how far the run in `run_dir` is, under `name`; nothing is written."""
    if not run_dir.run.exists():
        return RunProgress(name=name, state="to do")
    try:
        return _progress(RunRecord(run_dir.path), name)
    except ArenaError as error:
        return RunProgress(name=name, state="damaged", reason=str(error))


def _progress(record: RunRecord, name: str) -> RunProgress:
    record.check()
    result, checkpoint = record.result, record.checkpoint
    return RunProgress(
        name=name,
        state=_state(record),
        env_steps=result.env_steps if result is not None else record.last_known()["env_steps"],
        max_env_steps=record.run.budget.env_steps,
        checkpoint_env_steps=checkpoint.env_steps if checkpoint is not None else None,
        best_return=max((evaluated.episode_return_mean for evaluated in record.selection), default=None),
        score_mean=result.score_mean if result is not None else None,
        reason=_reason(result),
        age_seconds=_age_seconds(record.path),
    )


def _state(record: RunRecord) -> RunState:
    if record.result is not None:
        return record.result.status if record.result.status in ("finished", "pruned") else "failed"
    if is_locked(record.path):
        return "running"
    files = record.files
    begun = record.checkpoint is not None or any(path.exists() for path in (files.log, files.episodes, files.evaluations))
    return "interrupted" if begun else "to do"


def _reason(result: RunResult | None) -> str:
    if result is None:
        return ""
    return result.reason if result.status in ("finished", "pruned") else f"{result.status}: {result.reason}"


def _age_seconds(path: Path) -> float | None:
    times = [entry.modified_seconds for entry in Folder(path).entries()]
    return max(0.0, time.time() - max(times)) if times else None
