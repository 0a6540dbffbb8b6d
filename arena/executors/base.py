"""The executor interface: starts one worker process per run and passes on what it says."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

from arena.formats.validation import Whole
from arena.run_folder.events import WorkerEvent

DISK_FULL_CODE = 28
"""Exit code of a worker that found no room on its disk; its run has no result, and resumes from its last checkpoint."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExecutorConfig:
    """Place where workers run: the table `executor` of an experiment's file. It does not change what a run computes."""

    kind: Literal["local", "ray"] = "local"
    """`local`: processes of this machine. `ray`: any node of a Ray cluster."""
    address: str = "auto"
    """Address of the cluster: `auto` (`RAY_ADDRESS`, or the cluster on this machine), `HOST:PORT`, or from outside `ray://HOST:PORT`."""
    storage: str | None = None
    """URI under which run folders are kept, as `pyarrow.fs.FileSystem.from_uri` takes it; None keeps them on the machine of the driver."""
    warm: bool = True
    """Whether workers are forked from a server that has imported their framework, where that is possible; it is faster."""
    node_losses: Whole = 3
    """Largest number of times that a run may lose its node and resume on another from its last checkpoint; after one more it has failed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """One run for a worker."""

    name: str
    """The run's name."""
    run_dir: Path
    """The run folder; it holds `run.json`."""
    process_env: Mapping[str, str]
    """Environment variables that the agent's framework needs."""
    threads: int
    """Cores that the worker may use."""
    timeout_seconds: float
    """Seconds after which the worker is ended."""
    stall_seconds: float = 600.0
    """Seconds without progress after which the worker is ended (`Resources.stall_seconds`)."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
    gpu_share: float | None = None
    """Part of a GPU, and of its memory, that the worker may use; None distributes runs over the GPUs without a limit."""
    kind: str = ""
    """Agent and environment of the run; runs of one kind take about equally long."""
    agent: str = ""
    """Agent id or import path, for a server of warm workers; empty lets none be used."""
    modules: frozenset[str] = frozenset()
    """Framework modules that the worker may import."""
    allow: tuple[str, ...] = ()
    """Import paths and files that the run names and its worker may load (`Run.code_names`): the word of who runs the experiment."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ended:
    """How a worker process ended."""

    timed_out: bool
    """Whether the worker was ended because it took longer than its task allows, in all or without progress."""
    exit_code: int
    """Exit code of the process; a negative one is minus the signal that ended it."""
    reason: str = ""
    """Reason why the worker was ended from outside: its node was lost, say, or `OnEvent` asked for it; empty otherwise."""
    peak_rss_bytes: int | None = None
    """Largest resident memory of the worker process; None if it isn't known."""
    damaged: str = ""
    """Reason why nothing was run: an earlier record of the run, which cannot be read, is in its place; empty otherwise."""


OnEvent = Callable[[Task, WorkerEvent], str | None]
"""Takes an event of a task's worker; returns why the worker is to be ended, or None to let it continue."""
OnEnd = Callable[[Task, Ended], None]
"""Called once per task, after its last event."""
Turn = Literal["now", "later", "never"]
"""Answer to an executor that has room for a run: `later` means that another arena works on it, and `never` that it has ended."""
MayBegin = Callable[[Task], Turn]
"""Asked right before a task begins, and again while the answer is `later`."""
LOOK_AGAIN_SECONDS = 2.0
"""Seconds between two looks at the runs of other arenas."""


def always(_: Task) -> Turn:
    """Lets every run begin; for tasks that no other arena can have."""
    return "now"


class Executor(Protocol):
    """Runs tasks.

    A KeyboardInterrupt in `execute` ends all workers before it is passed on.
    """

    def check(self, tasks: Sequence[Task]) -> None:
        """Refuses tasks that cannot work here; no folder has been made yet.

        Raises:
            ArenaError: for the first task that can never run here.
        """

    def execute(self, tasks: Sequence[Task], on_event: OnEvent, on_end: OnEnd, may_begin: MayBegin = always) -> None:
        """Returns when every task has ended, or is not to begin.

        Args:
            tasks: runs in the order in which they should begin; the executor may change the order to be done sooner.
            on_event: called with each event of a worker; where it gives a reason, the worker is ended, and `Ended.reason` is that.
            on_end: called once per task that has begun, after its last event.
            may_begin: says whether a task is to begin; one that must wait is asked for again every `LOOK_AGAIN_SECONDS`.
        """
