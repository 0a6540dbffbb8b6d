"""Runs an experiment: the function to read first.

Every run is one worker process with a run folder of its own. A finished run is skipped, an interrupted one resumes from its last
checkpoint, and a worker that dies becomes a result like any other. A run whose record cannot be read is named and left as it is.
Several arenas may run one experiment at once: each begins the runs that no other has claimed (`arena.experiment.claims`).
"""

import dataclasses
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, Unpack

from arena.errors import ArenaError
from arena.executors.base import DISK_FULL_CODE, Ended, Executor, Task, Turn
from arena.executors.process import BUSY_CODE
from arena.experiment.check import check_experiment
from arena.experiment.claims import Claims, holder, is_claimed
from arena.experiment.compatibility import env_frameworks
from arena.experiment.experiment import Experiment
from arena.experiment.folder import make_folder, refuse_changes, with_history
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
from arena.run_folder.warm_start import find_origin
from arena.statistics.outcomes import is_failure

SETUP_SECONDS = 60.0
"""Seconds to wait while another arena makes the experiment's run folders."""


class View(Protocol):
    """Shows how an experiment proceeds."""

    def update(self, run_name: str, **fields: Unpack[RunUpdate]) -> None:
        """Takes new values of a run."""


Judge = Callable[[str, WorkerEvent], str | None]
"""Function that may give up a run: takes the run's name and an event of its worker, and returns the reason, or None to let it continue."""


def run_experiment(
    experiment: Experiment,
    executor: Executor,
    view: View | None = None,
    *,
    retry_failed: bool = False,
    judge: Judge | None = None,
    wait: bool = True,
    extend: bool = False,
) -> list[RunResult]:
    """Checks an experiment, runs what is not finished and returns the outcome of every run, in the order of `experiment.runs()`.

    Args:
        experiment: agents, envs, seeds, budget.
        executor: runs the workers.
        view: receives the progress of all runs.
        retry_failed: whether runs that failed earlier are tried again, from their last checkpoint.
        judge: may give up runs that are at work; their status is then `pruned`.
        wait: whether runs that another arena has claimed are waited for, and resumed if it dies; if not, they are missing in what returns.
        extend: whether runs that have finished with a smaller budget of env steps are continued from their last checkpoint.

    Raises:
        ArenaError: before anything starts, if the experiment cannot work or its folders hold other runs.
        KeyboardInterrupt: after all workers have ended; a call with the same arguments resumes.
    """
    check_experiment(experiment)
    return run_checked(experiment, executor, view, retry_failed=retry_failed, judge=judge, wait=wait, extend=extend)


def run_checked(
    experiment: Experiment,
    executor: Executor,
    view: View | None = None,
    *,
    retry_failed: bool = False,
    judge: Judge | None = None,
    wait: bool = True,
    extend: bool = False,
) -> list[RunResult]:
    """Runs an experiment that `check_experiment` has accepted, or a part of one; takes, returns and raises the same as `run_experiment`."""
    runs = list(experiment.runs())
    try:
        return _run_unfinished(experiment, runs, executor, view, retry_failed=retry_failed, judge=judge, wait=wait, extend=extend)
    except OSError as error:
        if reason := full_disk_reason(error):
            raise DiskFull(f"{reason}; free some space, and run the experiment again: it resumes") from error
        raise


def _run_unfinished(
    experiment: Experiment,
    runs: list[Run],
    executor: Executor,
    view: View | None,
    *,
    retry_failed: bool,
    judge: Judge | None,
    wait: bool,
    extend: bool,
) -> list[RunResult]:
    todo, outcomes = _todo(
        experiment, runs, retry_failed=retry_failed, extend=extend
    )  # before any folder is made: refusing must leave nothing behind
    tasks = [_task(run, experiment.path / run.name) for run in todo]
    executor.check(tasks)
    if todo:
        require_room(experiment.path, SPARE_BYTES, "an experiment")
    make_folder(experiment.path)
    with FolderLock(experiment.path, wait_seconds=SETUP_SECONDS):
        todo, others = _todo(
            experiment, todo, retry_failed=retry_failed, extend=extend
        )  # another arena may have finished some in the meantime
        _make_run_folders(experiment.path, todo)
    tasks = [task for task in tasks if task.name in {run.name for run in todo}]
    outcomes |= others
    for name, result in outcomes.items():
        if view is not None and result.status in UNREADABLE:
            view.update(name, **_closing_update(result))
    outcomes |= _run_all(_Work(experiment.path, todo, view, judge), tasks, executor, wait=wait)
    return [outcomes[run.name] for run in runs if run.name in outcomes]


def _make_run_folders(path: Path, todo: list[Run]) -> None:
    """Makes the folders of runs that have none, with the inputs: an arena that comes with others is then refused."""
    for run in todo:
        Folder(path).make(run.name)
        if not is_claimed(path / run.name):
            RunDir(path / run.name).check()
    for run in todo:
        files = RunDir(path / run.name)
        if not files.run.exists():
            write_run(files, run)


def _run_all(work: "_Work", tasks: list[Task], executor: Executor, *, wait: bool) -> dict[str, RunResult]:
    """Runs what is left to do, and returns the outcomes by the run's name."""
    with work.claims:
        executor.execute(tasks, work.on_event, work.on_end, work.wait_turn if wait else work.take_turn)
    if work.busy:
        raise FolderBusy(
            f"{', '.join(work.busy)}: a worker of an earlier arena still holds the folder, so nothing was done there and no failure is "
            "recorded; end that worker, or run again later"
        )
    return work.outcomes


class _Work:
    """The runs of one call that are left to do: what an executor asks and tells of them, and what becomes of them.

    Args:
        path: the experiment's folder.
        todo: the runs.
        view: receives the progress.
        judge: may give up runs that are at work.
    """

    def __init__(self, path: Path, todo: list[Run], view: View | None, judge: Judge | None) -> None:
        self._path, self._view, self._judge = path, view, judge
        self._runs = {run.name: run for run in todo}
        self._before = {run.name: _last_failure(path / run.name) for run in todo}
        self._given_up, self._elsewhere = set[str](), set[str]()
        self.claims = Claims(path)
        self.outcomes: dict[str, RunResult] = {}
        self.busy: list[str] = []
        """Runs whose folder a worker of an earlier arena still held."""

    def take_turn(self, task: Task) -> Turn:
        """Claims a run for this arena, and prepares its folder; see `MayBegin`."""
        if not self.claims.take(task.name):
            self._note_elsewhere(task)
            return "never"
        run = self._runs[task.name]
        result = _ended_elsewhere(self._path, run, self._before[task.name])
        if result is not None:
            self._end(task.name, result)
            return "never"
        _prepare(run, RunDir(task.run_dir))
        return "now"

    def wait_turn(self, task: Task) -> Turn:
        """Does the same as `take_turn`, and waits for a run that another arena has claimed."""
        turn = self.take_turn(task)
        return "later" if turn == "never" and task.name not in self.outcomes else turn

    def on_event(self, task: Task, event: WorkerEvent) -> str | None:
        """See `OnEvent`."""
        reason = self._judge(task.name, event) if self._judge is not None else None
        if reason:
            self._given_up.add(task.name)
        if self._view is not None:
            self._view.update(task.name, **update_of(event, self._runs[task.name].budget.env_steps))
        return reason

    def on_end(self, task: Task, ended: Ended) -> None:
        """See `OnEnd`."""
        if ended.exit_code == BUSY_CODE and not RunDir(task.run_dir).result.exists():
            self.busy.append(task.name)
            self.claims.release(task.name)
            return
        given_up = task.name in self._given_up
        self._end(task.name, _settle(self._runs[task.name], RunRecord(task.run_dir), ended, given_up=given_up))

    def _end(self, name: str, result: RunResult) -> None:
        self.claims.release(name)
        self.outcomes[name] = result
        if self._view is not None:
            self._view.update(name, **_closing_update(result))

    def _note_elsewhere(self, task: Task) -> None:
        if self._view is not None and task.name not in self._elsewhere:
            self._view.update(task.name, status="elsewhere", message=f"at work in {holder(task.run_dir)}")
        self._elsewhere.add(task.name)


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


def _todo(experiment: Experiment, runs: list[Run], *, retry_failed: bool, extend: bool) -> tuple[list[Run], dict[str, RunResult]]:
    """Returns the runs that are left to do, and the outcomes of the others by name; a run that cannot be read is one of the others."""
    found = find_records(experiment.path, runs)
    refuse_changes(experiment.path, runs, found.begun, extend=extend)
    runs = with_history(runs, found.begun, extend=extend)
    extended = {run.name for run in runs if run.name in found.begun and run.budget.env_steps > found.begun[run.name].budget.env_steps}
    again = set()
    for name, result in found.results.items():
        is_failed = result.status not in ("finished", *UNREADABLE)
        if (is_failed and retry_failed) or (result.status == "finished" and name in extended):
            again.add(name)
    ended = {name: result for name, result in found.results.items() if name not in again}
    todo = [run for run in runs if run.name not in ended]
    for run in todo:
        if run.agent.init is not None and RunDir(experiment.path / run.name).latest_checkpoint() is None:
            find_origin(run)  # refuses what cannot be begun from
        if run.name in extended:
            _refuse_useless_extension(run, RunDir(experiment.path / run.name))
    return todo, ended


def _refuse_useless_extension(run: Run, files: RunDir) -> None:
    """Refuses to extend a run that could not continue, or whose learning rate is 0 before the new budget ends."""
    anneal_steps = run.agent.hyperparameters.get("anneal_steps", 0)
    if 0 < anneal_steps < run.budget.env_steps:
        raise ArenaError(
            f"{run.name} cannot be extended to {run.budget.env_steps:,} env steps: its learning rate is 0 after anneal_steps = "
            f"{anneal_steps:,}; start a new experiment with --name, or a larger anneal_steps under another name"
        )
    if files.latest_checkpoint() is None:
        raise ArenaError(f"{files.path} has no checkpoint from which it could be extended; delete it to train it anew, with the new budget")


def _last_failure(path: Path) -> tuple[RunResult | None, int]:
    """Returns the outcome that a run folder holds, and the number of those before it; they tell whether a run was tried again since."""
    record = RunRecord(path)
    return record.claimed, len(record.failures)


def _ended_elsewhere(path: Path, run: Run, before: tuple[RunResult | None, int]) -> RunResult | None:
    """Returns the outcome of a run, which this arena has claimed, if another arena has ended it since `before`; None if it is to run."""
    result = find_records(path, [run]).results.get(run.name)
    if result is None or (result.status not in UNREADABLE and _last_failure(path / run.name) == before):
        return None
    return result


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
