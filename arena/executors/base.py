"""The executor interface: starts one worker process per run and passes on what it says."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """One run to be worked on."""

    name: str
    """The run's name."""
    run_dir: Path
    """Holds `run.json`."""
    process_env: Mapping[str, str]
    """Environment variables that the agent's framework needs."""
    threads: int
    """Cores that the worker may use."""
    timeout_seconds: float
    """A worker that takes longer is ended."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ended:
    """How a worker process ended."""

    timed_out: bool
    """Whether it was ended because it took longer than its task allows."""
    exit_code: int
    """Negative: the signal that ended it."""


class Executor(Protocol):
    """Runs tasks.

    Interrupting `execute` (KeyboardInterrupt) ends all workers before it passes on.
    """

    def execute(
        self, tasks: Sequence[Task], on_event: Callable[[Task, dict[str, Any]], None], on_end: Callable[[Task, Ended], None]
    ) -> None:
        """Returns when every task has ended.

        Args:
            tasks: in the order in which they should begin.
            on_event: called with each event of a worker.
            on_end: called once per task, after its last event.
        """
