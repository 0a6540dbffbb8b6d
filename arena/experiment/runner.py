"""Runs an experiment: the function to read first.

Every run is one worker process with a run folder of its own. A finished run is skipped, an interrupted one resumes from its last
checkpoint, and a worker that dies becomes a result like any other. A run whose record cannot be read is named and left as it is.
"""

import dataclasses
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, Unpack

from arena.errors import ArenaError
from arena.executors.base import DISK_FULL_CODE, Ended, Executor, Task
from arena.executors.process import BUSY_CODE
from arena.experiment.check import check_experiment
from arena.experiment.compatibility import env_frameworks
from arena.experiment.experiment import Experiment
from arena.experiment.folder import make_folder, refuse_changes
from arena.experiment.records import find_records, unreadable
from arena.formats.disk import SPARE_BYTES, DiskFull, free_bytes, full_disk_reason, require_room
from arena.formats.folders import Folder
from arena.formats.locks import FolderBusy, FolderLock
from arena.formats.readable import shown_score
from arena.run_folder.events import RunUpdate, WorkerEvent, update_of
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import Run
from arena.run_folder.record import RunRecord
from arena.run_folder.result import UNREADABLE, RunResult, Status
from arena.run_folder.schema import keep_failure, write_result, write_run
from arena.statistics.outcomes import is_failure


class View(Protocol):
    """Shows how an experiment proceeds."""

    def update(self, run_name: str, **fields: Unpack[RunUpdate]) -> None:
        """Takes new values of a run."""


Judge = Callable[[str, WorkerEvent], str | None]
"""Function that may give up a run: takes the run's name and an event of its worker, and returns the reason, or None to let it continue."""


def run_experiment(
    experiment: Experiment, executor: Executor, view: View | None = None, *, retry_failed: bool = False, judge: Judge | None = None
) -> list[RunResult]:
    """Checks an experiment, runs what is not finished and returns the outcome of every run, in the order of `experiment.runs()`.

    Args:
        experiment: agents, envs, seeds, budget.
        executor: runs the workers.
        view: receives the progress of all runs.
        retry_failed: whether runs that failed earlier are tried again, from their last checkpoint.
        judge: may give up runs that are at work; their status is then `pruned`.

    Raises:
        ArenaError: before anything starts, if the experiment cannot work or its folders hold other runs.
        KeyboardInterrupt: after all workers have ended; a call with the same arguments resumes.
    """
    check_experiment(experiment)
    return run_checked(experiment, executor, view, retry_failed=retry_failed, judge=judge)


def run_checked(
    experiment: Experiment, executor: Executor, view: View | None = None, *, retry_failed: bool = False, judge: Judge | None = None
) -> list[RunResult]:
    """Runs an experiment that `check_experiment` has accepted, or a part of one; takes, returns and raises the same as `run_experiment`."""
    runs = list(experiment.runs())
    try:
        return _run_unfinished(experiment, runs, executor, view, retry_failed=retry_failed, judge=judge)
    except OSError as error:
        if reason := full_disk_reason(error):
            raise DiskFull(f"{reason}; free some space, and run the experiment again: it resumes") from error
        raise


def _run_unfinished(
    experiment: Experiment, runs: list[Run], executor: Executor, view: View | None, *, retry_failed: bool, judge: Judge | None
) -> list[RunResult]:
    todo, outcomes = _todo(experiment, runs, retry_failed)  # before any folder is made: refusing must leave nothing behind
    tasks = [_task(run, experiment.path / run.name) for run in todo]
    executor.check(tasks)
    if todo:
        require_room(experiment.path, SPARE_BYTES, "an experiment")
    make_folder(experiment.path)
    with FolderLock(experiment.path):
        todo, others = _todo(experiment, todo, retry_failed)  # another arena may have finished some in the meantime
        tasks = [task for task in tasks if task.name in {run.name for run in todo}]
        for run in todo:
            Folder(experiment.path).make(run.name)
            RunDir(experiment.path / run.name).check()
        for run in todo:
            _prepare(run, RunDir(experiment.path / run.name))
        outcomes |= others
        for name, result in outcomes.items():
            if view is not None and result.status in UNREADABLE:
                view.update(name, **_closing_update(result))
        outcomes |= _run_all(todo, tasks, executor, view, judge)
    return [outcomes[run.name] for run in runs if run.name in outcomes]


def _run_all(todo: list[Run], tasks: list[Task], executor: Executor, view: View | None, judge: Judge | None) -> dict[str, RunResult]:
    """Runs what is left to do, and returns the outcomes by the run's name."""
    by_name, given_up, busy = {run.name: run for run in todo}, set[str](), list[str]()
    outcomes: dict[str, RunResult] = {}

    def on_event(task: Task, event: WorkerEvent) -> str | None:
        reason = judge(task.name, event) if judge is not None else None
        if reason:
            given_up.add(task.name)
        if view is not None:
            view.update(task.name, **update_of(event, by_name[task.name].budget.env_steps))
        return reason

    def on_end(task: Task, ended: Ended) -> None:
        if ended.exit_code == BUSY_CODE and not RunDir(task.run_dir).result.exists():
            busy.append(task.name)
            return
        result = _settle(by_name[task.name], RunRecord(task.run_dir), ended, given_up=task.name in given_up)
        outcomes[task.name] = result
        if view is not None:
            view.update(task.name, **_closing_update(result))

    executor.execute(tasks, on_event, on_end)
    if busy:
        raise FolderBusy(
            f"{', '.join(busy)}: a worker of an earlier arena still holds the folder, so nothing was done there and no failure is "
            "recorded; end that worker, or run again later"
        )
    return outcomes


def _settle(run: Run, record: RunRecord, ended: Ended, *, given_up: bool) -> RunResult:
    """Returns the outcome of a run whose worker has ended, and writes it where the worker left none and there is room.

    A run that found no room gets no result, so that the same command resumes it.
    """
    if ended.damaged:
        return unreadable(run, record.path, "damaged", ended.damaged)
    if not record.files.run.exists():
        return unreadable(run, record.path, "lost", f"{record.path} was deleted or renamed while the run was at work")
    try:
        result = record.result
        if result is None:
            result = _failure(run, record, ended)
            if given_up:
                result = dataclasses.replace(result, status="pruned", log_tail=())
            if ended.exit_code != DISK_FULL_CODE:
                _write_result(record.files, result)
    except (ArenaError, OSError) as error:
        return unreadable(run, record.path, "damaged", str(error))
    return result


def _write_result(files: RunDir, result: RunResult) -> None:
    """Writes a failed run's result where there is room for it."""
    try:
        write_result(files, result)
    except OSError as error:
        if full_disk_reason(error) is None:
            raise


def _todo(experiment: Experiment, runs: list[Run], retry_failed: bool) -> tuple[list[Run], dict[str, RunResult]]:
    """Returns the runs that are left to do, and the outcomes of the others by name; a run that cannot be read is one of the others."""
    found = find_records(experiment.path, runs)
    refuse_changes(experiment.path, runs, found.begun)
    again = {name for name, result in found.results.items() if retry_failed and result.status not in ("finished", *UNREADABLE)}
    ended = {name: result for name, result in found.results.items() if name not in again}
    return [run for run in runs if run.name not in ended], ended


def _task(run: Run, path: Path) -> Task:
    return Task(
        name=run.name,
        run_dir=path,
        process_env=run.spec().process_env_for(run.config()),
        threads=run.resources.threads,
        timeout_seconds=run.resources.timeout_seconds,
        stall_seconds=run.resources.stall_seconds,
        device=run.resources.device,
        gpu_share=run.resources.gpu_share,
        kind=f"{run.agent.name}/{run.env.name}",
        agent=run.agent.agent,
        modules=run.spec().modules_for(run.config()) | env_frameworks(run.env, run.resources.env_frameworks),
        allow=run.code_names(),
    )


def _prepare(run: Run, run_dir: RunDir) -> None:
    run_dir.folder.make()
    result = RunRecord(run_dir.path).claimed
    if result is not None and is_failure(result.status):
        keep_failure(run_dir, result)
    if run_dir.latest_checkpoint() is None:
        run_dir.clear()
    run_dir.folder.remove(run_dir.result.name)
    write_run(run_dir, run)


def _failure(run: Run, record: RunRecord, ended: Ended) -> RunResult:
    """Returns the outcome of a run whose worker left none."""
    tail = record.files.log_tail()
    status: Status = "crashed"
    if ended.exit_code == DISK_FULL_CODE:
        said = [line for line in tail if line.startswith("the disk is full: ")]
        reason = said[-1] if said else f"the disk is full: {free_bytes(record.path) / 1e6:,.1f} MB are free at {record.path}"
    elif ended.timed_out:
        status, reason = "timed_out", ended.reason or f"took longer than {run.resources.timeout_seconds:g} s"
    elif ended.reason:
        status, reason = ("killed" if ended.exit_code < 0 else "crashed"), ended.reason
    elif ended.exit_code < 0:
        status, reason = "killed", f"ended by signal {signal.Signals(-ended.exit_code).name}"
    elif ended.exit_code and tail:
        reason = tail[-1]
    else:
        reason = f"worker exited with code {ended.exit_code} and left no result"
    return RunResult(
        status=status,
        agent=run.agent.name,
        env=run.env.name,
        seed=run.seed,
        path=str(record.path),
        reason=reason,
        log_tail=tail,
        **record.last_known(),
    )


def _closing_update(result: RunResult) -> RunUpdate:
    return {
        "status": result.status,
        "env_steps": result.env_steps,
        "score_mean": result.score_mean,
        "score_std": result.score_std,
        "message": _closing_message(result),
    }


def _closing_message(result: RunResult) -> str:
    if result.score_mean is None:
        return result.reason
    score = shown_score(result.score_mean, result.score_std or 0.0)
    cut = f", {result.score_num_cut} of them cut" if result.score_num_cut else ""
    return f"score {score} (std) over {result.score_episodes} episodes{cut} ({result.reason})"
