"""The records that an experiment finds in its folder: those of runs that have ended, and those that cannot be read.

A record that cannot be read is left as it is. Its run is named, and the others go on: it is neither run again over what is there, nor does
it count as an outcome of its agent.
"""

import dataclasses
import shlex
from collections.abc import Iterable
from pathlib import Path

from arena.errors import ArenaError
from arena.formats.folders import UnsafeFile
from arena.run_folder.inputs import Run
from arena.run_folder.record import RunRecord
from arena.run_folder.result import UNREADABLE, RunResult, Unreadable


@dataclasses.dataclass(frozen=True)
class Found:
    """What an experiment's folder holds of some runs."""

    results: dict[str, RunResult]
    """Outcomes by the run's name: of runs that have ended, and, with a status of `UNREADABLE`, of those that cannot be read."""
    begun: dict[str, Run]
    """Inputs that `run.json` holds, by the run's name, of the runs whose record can be read."""


def find_records(path: Path, runs: Iterable[Run]) -> Found:
    """Returns what is in an experiment's folder; of a run that has ended, all that its seal covers is read.

    Args:
        path: the experiment's folder.
        runs: runs that are looked for.

    Raises:
        UnsafeFile: if a file of a run is a link or no regular file.
    """
    results: dict[str, RunResult] = {}
    begun: dict[str, Run] = {}
    for run in runs:
        record = RunRecord(path / run.name)
        if not (record.files.run.exists() or record.files.result.exists()):
            continue
        try:
            there, result = _read(record, run)
        except UnsafeFile:
            raise
        except ArenaError as error:
            results[run.name] = unreadable(run, record.path, "damaged", str(error))
            continue
        begun[run.name] = there
        if result is not None:
            results[run.name] = result
    return Found(results, begun)


def unreadable(run: Run, path: Path, status: Unreadable, reason: str) -> RunResult:
    """Returns what stands for the outcome of a run whose record cannot be read.

    Args:
        run: the run.
        path: its folder.
        status: `damaged`, or `lost` where the folder is gone.
        reason: what is wrong.
    """
    return RunResult(status=status, agent=run.agent.name, env=run.env.name, seed=run.seed, path=str(path), reason=reason)


def redo(result: RunResult, command: str) -> str:
    """Returns the command that runs one unreadable run again, and no other.

    Args:
        result: the run, with a status of `UNREADABLE`.
        command: command that runs the experiment.
    """
    return command if result.status == "lost" else f"rm -r {shlex.quote(result.path)} && {command}"


def refuse_unreadable(results: Iterable[RunResult]) -> None:
    """Refuses to decide on results of which some cannot be read.

    Raises:
        ArenaError: names the first, and what to do.
    """
    for result in results:
        if result.status in UNREADABLE:
            again = redo(result, "run this again")
            raise ArenaError(f"{result.run_name} is {result.status}, so nothing can be decided: {result.reason}. To redo it alone: {again}")


def _read(record: RunRecord, run: Run) -> tuple[Run, RunResult | None]:
    there = record.run
    if there.name != run.name:
        raise ArenaError(f"{record.files.run} is that of the run {there.name}, whose folder this is not")
    return there, record.result
