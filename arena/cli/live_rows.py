"""What the view of a running experiment knows: the state of each run, and an estimate of the time that is left for all."""

import dataclasses
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping

from arena.cli.statuses import ENDED


@dataclasses.dataclass(slots=True)
class LiveRow:
    """State of one run, as far as its events have told."""

    status: str = "waiting"
    """Phase of the run, or how it ended."""
    env_steps: int = 0
    """Env steps taken so far."""
    max_env_steps: int | None = None
    """Budget of env steps."""
    env_steps_per_second: float | None = None
    """Env steps per wall second of training, lately."""
    last_return: float | None = None
    """Mean return of the training episodes since the last update."""
    best_evaluation: float | None = None
    """Mean return of the best evaluation so far."""
    score_mean: float | None = None
    """Mean return of the final evaluation; None until there is one."""
    score_std: float | None = None
    """Standard deviation of the return in the final evaluation."""
    seconds_left: float | None = None
    """Wall seconds that the run still needs, as estimated from its speed."""
    message: str = ""
    """Text for people, shown once."""
    began: float | None = None
    """Moment at which the run was first heard of, on `time.monotonic()`'s clock."""
    seconds: float | None = None
    """Wall seconds from that moment to the end of the run; None while it is at work, and for runs that ended before this command began."""
    progress: str = ""
    """Share of the latest evaluation that is done, `3/20`; shown while the status is `evaluating`."""

    @property
    def shown_status(self) -> str:
        """Status as tables and lines show it: with the progress of an evaluation."""
        return f"{self.status} {self.progress}" if self.status == "evaluating" and self.progress else self.status

    @property
    def is_at_work(self) -> bool:
        """Whether the run has begun and not ended."""
        return self.status not in ENDED and self.status != "waiting"

    @property
    def bar(self) -> float:
        """Length of the run's bar, from 0 to 1: full once the run has finished, also before its budget was used up."""
        if self.status == "finished":
            return 1.0
        return min(1.0, self.env_steps / self.max_env_steps) if self.max_env_steps else 0.0

    @property
    def done(self) -> float:
        """Fraction of the run that is done, from 0 to 1; a run that has ended, in whatever way, is done."""
        return 1.0 if self.status in ENDED else self.bar

    def note_time(self) -> None:
        """Takes the time of the run's begin or end, once each; to be called after every change of the status."""
        if self.status == "waiting":
            return
        if self.status not in ENDED:
            self.began = self.began or time.monotonic()
        elif self.began is not None and self.seconds is None:
            self.seconds = time.monotonic() - self.began


def done_fraction(rows: Mapping[str, LiveRow]) -> float:
    """Returns the fraction of all runs that is done, from 0 to 1; a run counts by its share of its budget of env steps."""
    return sum(row.done for row in rows.values()) / len(rows) if rows else 1.0


def total_seconds_left(rows: Mapping[str, LiveRow], num_at_a_time: int) -> float | None:
    """Returns the wall seconds that all runs together still need; None while nothing is known to estimate them from.

    A run that waits is taken to need the median time of the runs of the same agent and environment that have finished, of those at work
    if none has, and of all runs if there is none of the same kind.

    Args:
        rows: state of each run, by its name `agent/env/seed-n`.
        num_at_a_time: number of runs that are at work at a time.
    """
    known: dict[str, list[float]] = defaultdict(list)
    for name, row in rows.items():
        if row.seconds is not None:
            known[_kind(name)].append(row.seconds)
    for name, row in rows.items():
        if row.is_at_work and row.seconds_left is not None and not known[_kind(name)]:
            known[_kind(name)].append(_elapsed(row) + row.seconds_left)
    everywhere = [seconds for of_kind in known.values() for seconds in of_kind]
    if not everywhere:
        return None
    left = []
    for name, row in rows.items():
        typical = statistics.median(known[_kind(name)] or everywhere)
        if row.status == "waiting":
            left.append(typical)
        elif row.is_at_work:
            left.append(row.seconds_left if row.seconds_left is not None else max(0.0, typical - _elapsed(row)))
    return max(sum(left) / max(1, num_at_a_time), max(left)) if left else 0.0


def _elapsed(row: LiveRow) -> float:
    return time.monotonic() - row.began if row.began is not None else 0.0


def _kind(name: str) -> str:
    return name.rpartition("/")[0]
