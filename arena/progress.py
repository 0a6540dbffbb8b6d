"""How far a run is, from its folder alone: also while it is at work, and after a crash."""

import contextlib
import dataclasses
import fcntl
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from arena.files import read_json_object
from arena.rundir import RunDir

State = Literal["to do", "running", "interrupted", "finished", "failed"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunProgress:
    """Where a run stands."""

    name: str
    state: State
    """`interrupted`: cut, and can go on from its last checkpoint, or from its beginning where there is none."""
    env_steps: int = 0
    """Known to have been taken."""
    max_env_steps: int | None = None
    """Its budget."""
    checkpoint_env_steps: int | None = None
    """Where it would go on."""
    best_return: float | None = None
    """Mean return of the best selection evaluation so far."""
    score_mean: float | None = None
    """Of the final evaluation."""
    reason: str = ""
    """Why it ended."""
    age_seconds: float | None = None
    """Since something was last written."""


def progress(run_dir: RunDir, name: str) -> RunProgress:
    """Returns where the run in `run_dir` stands; nothing is written.

    Raises:
        ArenaError: if `run.json`, `result.json` or the checkpoint holds something else than this program writes.
    """
    if not run_dir.run.exists():
        return RunProgress(name=name, state="to do")
    budget = read_json_object(run_dir.run).get("inputs", {}).get("budget", {})
    checkpoint = _checkpoint(run_dir)
    result = run_dir.read_result()
    state: State = "running" if at_work(run_dir.path) else "interrupted"
    if result is not None:
        state = "finished" if result.status == "finished" else "failed"
    reason = "" if result is None else result.reason if state == "finished" else f"{result.status}: {result.reason}"
    return RunProgress(
        name=name,
        state=state,
        env_steps=result.env_steps if result is not None else int(known_outcome(run_dir)["env_steps"]),
        max_env_steps=budget.get("env_steps"),
        checkpoint_env_steps=int(checkpoint["meter"][0]) if checkpoint else None,
        best_return=_best_return(run_dir),
        score_mean=result.score_mean if result is not None else None,
        reason=reason,
        age_seconds=_age_seconds(run_dir.path),
    )


def known_outcome(run_dir: RunDir) -> dict[str, Any]:
    """Returns what is known of a run that left no result, as fields of `RunResult`: from its checkpoint, evaluations and episodes."""
    checkpoint = _checkpoint(run_dir)
    evaluation, episode = _last_record(run_dir.evaluations), _last_record(run_dir.episodes)
    saved = checkpoint.get("progress", {})
    saved_steps = int(checkpoint["meter"][0]) if checkpoint else 0
    seconds = dict(saved.get("seconds", {}))
    if evaluation.get("env_steps", 0) > saved_steps:
        seconds["train"] = evaluation["train_seconds"]
    return {
        "env_steps": max(saved_steps, int(evaluation.get("env_steps", 0)), int(episode.get("env_steps", 0))),
        "num_episodes": _num_lines(run_dir.episodes),
        "learner_steps": int(saved.get("learner_steps", 0)),
        "policy_env_steps": saved.get("policy_env_steps"),
        "seconds": seconds,
        "num_attempts": int(saved.get("num_attempts", 1)),
    }


def at_work(path: Path) -> bool:
    """Returns whether a process of this machine holds the lock of a folder: a worker a run's, an arena an experiment's."""
    try:
        with (path / ".lock").open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _checkpoint(run_dir: RunDir) -> Mapping[str, Any]:
    directory = run_dir.latest_checkpoint()
    if directory is None or not (directory / "training.json").exists():  # being replaced just now
        return {}
    return read_json_object(directory / "training.json")


def _last_record(path: Path) -> dict[str, Any]:
    """Returns the last complete record of a file that may be growing; empty if there is none."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 1_048_576))
        for line in reversed(file.read().split(b"\n")[:-1]):
            with contextlib.suppress(ValueError):  # cut by the seek
                record = json.loads(line)
                if isinstance(record, dict):
                    return record
    return {}


def _best_return(run_dir: RunDir) -> float | None:
    with contextlib.suppress(OSError):
        lines = run_dir.evaluations.read_bytes().split(b"\n")[:-1]
        records = [json.loads(line) for line in lines]
        returns = [record["episode_return_mean"] for record in records if record["kind"] == "selection"]
        return max((value for value in returns if value is not None), default=None)
    return None


def _num_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _age_seconds(path: Path) -> float | None:
    times = []
    for file in path.iterdir():
        with contextlib.suppress(OSError):  # a temporary file may be gone by now
            times.append(file.stat().st_mtime)
    return max(0.0, time.time() - max(times)) if times else None
