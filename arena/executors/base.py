"""The executor interface: starts one worker process per run and passes on what it says."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Protocol

from annotated_types import Ge

from arena.run_folder.events import WorkerEvent


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExecutorConfig:
    """Where workers run: the table `executor` of an experiment's file. It does not change what a run computes."""

    kind: Literal["local", "ray"] = "local"
    """`local`: processes of this machine. `ray`: any node of a Ray cluster."""
    address: str = "auto"
    """Of the cluster: `auto` (`RAY_ADDRESS`, or the cluster on this machine), `HOST:PORT`, or `ray://HOST:PORT` from outside of it."""
    storage: str | None = None
    """URI in which run folders are kept, as `pyarrow.fs.FileSystem.from_uri` takes it; None: where the experiment was started."""
    node_losses: Annotated[int, Ge(0)] = 3
    """How often a run may lose its node and go on elsewhere from its last checkpoint before it has failed."""


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
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
    gpu_share: float | None = None
    """Part of a GPU, and of its memory, that the worker may use; None: runs are dealt out over the GPUs without a limit."""
    kind: str = ""
    """Runs of one kind take about as long as each other."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ended:
    """How a worker process ended."""

    timed_out: bool
    """Whether it was ended because it took longer than its task allows."""
    exit_code: int
    """Negative: the signal that ended it."""
    reason: str = ""
    """Why it was given up, where that is not the worker's doing: its node was lost, say, or `OnEvent` asked for it."""


OnEvent = Callable[[Task, WorkerEvent], str | None]
"""Takes an event of a task's worker; returns why the worker is to be ended, None to let it go on."""
OnEnd = Callable[[Task, Ended], None]
"""Called once per task, after its last event."""


class Executor(Protocol):
    """Runs tasks.

    Interrupting `execute` (KeyboardInterrupt) ends all workers before it passes on.
    """

    def check(self, tasks: Sequence[Task]) -> None:
        """Refuses what cannot work; no folder has been made yet.

        Raises:
            ArenaError: for the first task that can never run here.
        """

    def execute(self, tasks: Sequence[Task], on_event: OnEvent, on_end: OnEnd) -> None:
        """Returns when every task has ended.

        Args:
            tasks: in the order in which they should begin; it may be changed to be done sooner.
            on_event: called with each event of a worker; where it gives a reason, the worker is ended, and `Ended.reason` is that.
            on_end: called once per task, after its last event.
        """
