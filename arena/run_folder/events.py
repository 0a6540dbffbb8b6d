"""Worker events: what a worker tells about its run while it is at work, one JSON object per line of its standard output."""

import dataclasses
import json
from typing import Any, ClassVar, Literal, TypedDict

from arena.formats.json import json_line
from arena.formats.readable import shown_return

Phase = Literal["importing", "building", "training", "evaluating", "restarting"]
EvaluationKind = Literal["selection", "target", "final"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PhaseBegan:
    """The run enters a phase: its framework is imported, its agent is built, it trains, a policy is evaluated, or it restarts."""

    name: ClassVar[str] = "phase"
    phase: Phase
    message: str = ""
    """Sentence for people; empty where the phase says everything."""
    progress: str = ""
    """Share of the phase that is done, `3/20`; empty where nobody counts."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationEnded:
    """An evaluation was played and is recorded in `evaluations.jsonl`."""

    name: ClassVar[str] = "evaluation"
    kind: EvaluationKind
    env_steps: int
    """Env steps after which the evaluated policy was taken."""
    episode_return_mean: float
    """Mean return over the evaluation's episodes."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProgressMade:
    """A point of the training curves was logged."""

    name: ClassVar[str] = "progress"
    env_steps: int
    """Env steps of the run so far."""
    env_steps_per_second: float | None = None
    """Env steps per wall second of training since the last point."""
    last_return: float | None = None
    """Mean return of the training episodes that ended since the last point; None if none ended."""
    best_evaluation: float | None = None
    """Mean return of the best selection evaluation so far."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A look at a run that is at work, taken by a thread of the worker; for the executor, which ends a run that makes no progress."""

    name: ClassVar[str] = "heartbeat"
    count: int
    """Number that differs from that of the last heartbeat if the run has made progress since."""
    activity: str
    """Part of the work that the run is at, as it follows the word "in": `training`, `the selection evaluation`."""
    env_steps: int
    """Env steps of training so far."""
    waits_for: str = ""
    """Call that has not returned: `step` or `reset` of an environment; empty for any other."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WorkerKept:
    """The worker process was started by its keeper."""

    name: ClassVar[str] = "kept"
    keeper_id: int
    """Process id of the keeper."""
    worker_id: int
    """Process id of the worker, which is also that of its process group and session."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProcessEnded:
    """The worker process has ended, with all its descendants; said by its keeper."""

    name: ClassVar[str] = "process_ended"
    exit_code: int
    """Exit code of the worker; a negative one is minus the signal that ended it."""
    peak_rss_bytes: int | None
    """Largest resident memory of the worker; None if it isn't known."""
    short_of_memory: bool
    """Whether the kernel killed the worker for want of memory."""


WorkerEvent = PhaseBegan | EvaluationEnded | ProgressMade
SupervisionEvent = Heartbeat | WorkerKept | ProcessEnded

_KINDS: dict[str, type[WorkerEvent | SupervisionEvent]] = {
    kind.name: kind for kind in (PhaseBegan, EvaluationEnded, ProgressMade, Heartbeat, WorkerKept, ProcessEnded)
}


class RunUpdate(TypedDict, total=False):
    """New values of one run, as a view of the whole experiment takes them; a field that is missing stays as it was."""

    status: str
    progress: str
    env_steps: int
    max_env_steps: int
    env_steps_per_second: float | None
    last_return: float | None
    best_evaluation: float | None
    score_mean: float | None
    score_std: float | None
    seconds_left: float | None
    message: str


def event_line(event: WorkerEvent | Heartbeat) -> str:
    """Returns an event as one line of JSON with its newline; NaN and infinities become null."""
    return json_line({"event": event.name, **{key: value for key, value in dataclasses.asdict(event).items() if value != ""}})


def parse_event(line: bytes) -> WorkerEvent | SupervisionEvent | None:
    """Returns the event that a line of a worker's output holds; None if the line was printed by something else."""
    try:
        record: Any = json.loads(line)
        return _KINDS[record.pop("event")](**record)
    except (ValueError, TypeError, AttributeError, KeyError):
        return None


def update_of(event: WorkerEvent, max_env_steps: int) -> RunUpdate:
    """Returns what an event changes for a view of the experiment.

    Args:
        event: the event of one run's worker.
        max_env_steps: the run's budget.
    """
    if isinstance(event, PhaseBegan):
        update: RunUpdate = {"status": event.phase, "max_env_steps": max_env_steps}
        if event.phase == "evaluating":
            update["progress"] = event.progress
        if event.message:
            update["message"] = event.message
        return update
    if isinstance(event, EvaluationEnded):
        return {"message": f"{event.kind} evaluation after {event.env_steps:,} env steps: {shown_return(event.episode_return_mean)}"}
    rate = event.env_steps_per_second
    return {
        "status": "training",
        "max_env_steps": max_env_steps,
        "seconds_left": (max_env_steps - event.env_steps) / rate if rate else None,
        "env_steps": event.env_steps,
        "env_steps_per_second": rate,
        "last_return": event.last_return,
        "best_evaluation": event.best_evaluation,
    }
