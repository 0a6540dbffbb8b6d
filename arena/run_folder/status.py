"""How far a run is, from its folder alone: also while it is at work, and after a crash."""

import contextlib
import dataclasses
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from arena.errors import ArenaError
from arena.formats.json import read_json_object
from arena.formats.locks import is_locked
from arena.run_folder.folder import RunDir

State = Literal["to do", "running", "interrupted", "finished", "pruned", "failed"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunProgress:
    """Where a run stands."""

    name: str
    state: State
    """`to do`: has not begun. `interrupted`: cut, and can go on from its last checkpoint, or from its beginning where there is none.
    `pruned`: given up by a search."""
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
    max_env_steps, checkpoint, result = _budget(run_dir), _checkpoint(run_dir), run_dir.read_result()
    begun = checkpoint is not None or any(path.exists() for path in (run_dir.log, run_dir.episodes, run_dir.evaluations))
    state: State = "running" if is_locked(run_dir.path) else "interrupted" if begun else "to do"
    if result is not None:
        state = result.status if result.status in ("finished", "pruned") else "failed"
    reason = "" if result is None else result.reason if state != "failed" else f"{result.status}: {result.reason}"
    return RunProgress(
        name=name,
        state=state,
        env_steps=result.env_steps if result is not None else known_outcome(run_dir)["env_steps"],
        max_env_steps=max_env_steps,
        checkpoint_env_steps=checkpoint.env_steps if checkpoint is not None else None,
        best_return=_best_return(run_dir),
        score_mean=result.score_mean if result is not None else None,
        reason=reason,
        age_seconds=_age_seconds(run_dir.path),
    )


def known_outcome(run_dir: RunDir) -> dict[str, Any]:
    """Returns what is known of a run that left no result, as fields of `RunResult`: from its checkpoint, evaluations and episodes."""
    saved = _checkpoint(run_dir) or _Saved()
    evaluation, episode = _last_record(run_dir.evaluations), _last_record(run_dir.episodes)
    seconds = dict(saved.seconds)
    if evaluation.get("env_steps", 0) > saved.env_steps:
        seconds["train"] = evaluation.get("train_seconds", 0.0)
    return {
        "env_steps": max(saved.env_steps, int(evaluation.get("env_steps", 0)), int(episode.get("env_steps", 0))),
        "num_episodes": _num_lines(run_dir.episodes),
        "learner_steps": saved.learner_steps,
        "policy_env_steps": saved.policy_env_steps,
        "seconds": seconds,
        "num_attempts": saved.num_attempts,
    }


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Saved:
    """What a checkpoint says of its run."""

    env_steps: int = 0
    learner_steps: int = 0
    policy_env_steps: int | None = None
    seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)
    num_attempts: int = 1


def _budget(run_dir: RunDir) -> int | None:
    inputs = read_json_object(run_dir.run).get("inputs")
    budget = inputs.get("budget") if isinstance(inputs, dict) else None
    env_steps = budget.get("env_steps") if isinstance(budget, dict) else None
    if not isinstance(budget, dict) or not isinstance(env_steps, int | None):
        raise ArenaError(f"{run_dir.run} does not say what was run; it was not written by this version of arena-rl")
    return env_steps


def _checkpoint(run_dir: RunDir) -> _Saved | None:
    directory = run_dir.latest_checkpoint()
    if directory is None:
        return None
    file = directory / "training.json"
    try:
        state = read_json_object(file)
        saved = state.get("progress", {})
        return _Saved(
            env_steps=int(state["meter"][0]),
            learner_steps=int(saved.get("learner_steps", 0)),
            policy_env_steps=saved.get("policy_env_steps"),
            seconds=dict(saved.get("seconds", {})),
            num_attempts=int(saved.get("num_attempts", 1)),
        )
    except ArenaError:
        if directory == run_dir.latest_checkpoint():
            raise
        return _checkpoint(run_dir)  # a worker has just put another in its place
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise ArenaError(f"{file} is no checkpoint of this version of arena-rl: {error!r}") from error


def _last_record(path: Path) -> dict[str, Any]:
    """Returns the last complete record of a file that may be growing; empty if there is none."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 1_048_576))
        for line in reversed(file.read().split(b"\n")[:-1]):
            with contextlib.suppress(ValueError):  # cut by the seek
                record = json.loads(line)
                if isinstance(record, dict) and isinstance(record.get("env_steps"), int):
                    return record
    return {}


def _best_return(run_dir: RunDir) -> float | None:
    returns = []
    with contextlib.suppress(OSError):
        for line in run_dir.evaluations.read_bytes().split(b"\n")[:-1]:
            with contextlib.suppress(ValueError):
                record = json.loads(line)
                if isinstance(record, dict) and record.get("kind") == "selection":
                    returns.append(record.get("episode_return_mean"))
    return max((value for value in returns if isinstance(value, (int, float))), default=None)


def _num_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _age_seconds(path: Path) -> float | None:
    times = []
    for file in path.iterdir():
        with contextlib.suppress(OSError):  # a temporary file may be gone by now
            times.append(file.stat().st_mtime)
    return max(0.0, time.time() - max(times)) if times else None
