"""The interface of a tracker, and what it gets of a run."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from arena.loggers.event_files import Point


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrackedRun:
    """A run that has ended, as a tracker gets it."""

    experiment: str
    """Name of the experiment; trackers gather its runs under it."""
    name: str
    """Name of the run, `agent/env/seed-0`; unique in the experiment."""
    key: str
    """Text of letters and digits that identifies the run for good: the same run has the same key wherever its folder lies."""
    config: Mapping[str, str | float | bool]
    """Inputs of the run: agent, environment, seed, budget, and all hyperparameters."""
    summary: Mapping[str, str | float]
    """Outcome of the run: its status, score, env steps and seconds."""
    points: Sequence[Point]
    """All curves, by env steps."""
    succeeded: bool
    """Whether the run finished."""

    def rows(self) -> dict[int, dict[str, float]]:
        """Returns the values of all curves at each number of env steps, in their order."""
        rows: dict[int, dict[str, float]] = {}
        for point in self.points:
            rows.setdefault(point.env_steps, {})[point.tag] = point.value
        return rows


class Tracker(Protocol):
    """A place where runs are collected. A class that follows this protocol is what an entry point of `arena.loggers` names."""

    def __init__(self, folder: Path, *, project: str, online: bool) -> None:
        """Makes the tracker.

        Args:
            folder: folder for files that the tracker keeps on this machine.
            project: name under which it gathers the runs.
            online: whether it may send anything to another machine.

        Raises:
            ArenaError: if the tracker's library is missing, or cannot do what is asked.
        """

    def add(self, run: TrackedRun) -> None:
        """Adds a run with its curves; adding it again replaces it or changes nothing."""

    def where(self) -> str:
        """Returns where the runs can be seen: a command or an address."""
