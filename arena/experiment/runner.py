"""Runs an experiment: the function to read first.

Every run is one worker process with a run folder of its own. What is finished is skipped, what was cut goes on from its last
checkpoint, and a worker that dies becomes a result like any other.
"""

import dataclasses
import importlib.util
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, Unpack

from arena.errors import ArenaError
from arena.executors.base import Ended, Executor, Task
from arena.experiment.experiment import Experiment
from arena.formats.differences import differences, told
from arena.formats.locks import FolderLock
from arena.run_folder.events import RunUpdate, WorkerEvent, update_of
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import Run
from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult, Status
from arena.run_folder.schema import write_result, write_run


class View(Protocol):
    """Watches an experiment."""

    def update(self, run_name: str, **fields: Unpack[RunUpdate]) -> None:
        """Takes new values of a run."""


Judge = Callable[[str, WorkerEvent], str | None]
"""Takes the name of a run and an event of its worker; returns why the run is given up, None to let it go on."""


def run_experiment(
    experiment: Experiment, executor: Executor, view: View | None = None, *, retry_failed: bool = False, judge: Judge | None = None
) -> list[RunResult]:
    """Runs what is not finished and returns the outcome of every run, in the order of `experiment.runs()`.

    Args:
        experiment: agents, envs, seeds, budget.
        executor: where the workers run.
        view: told of all progress.
        retry_failed: whether runs that failed earlier are tried again, from their last checkpoint.
        judge: may give up runs that are at work; their status is then `pruned`.

    Raises:
        ArenaError: before anything starts, if the experiment cannot work or its folders hold other runs.
        KeyboardInterrupt: after all workers have ended; call again with the same arguments to go on.
    """
    experiment.check()
    runs = list(experiment.runs())
    check_frameworks(runs)
    todo = _todo(experiment, runs, retry_failed)  # before any folder is made: refusing must leave nothing behind
    tasks = [_task(run, experiment.path / run.name) for run in todo]
    executor.check(tasks)
    make_folder(experiment.path)
    with FolderLock(experiment.path):
        todo = _todo(experiment, todo, retry_failed)  # another arena may have finished some in the meantime
        tasks = [task for task in tasks if task.name in {run.name for run in todo}]
        for run in todo:
            _prepare(run, RunDir(experiment.path / run.name))
        return _run_all(experiment, runs, tasks, executor, view, judge)


def _run_all(
    experiment: Experiment, runs: list[Run], tasks: list[Task], executor: Executor, view: View | None, judge: Judge | None
) -> list[RunResult]:
    by_name, given_up = {run.name: run for run in runs}, set[str]()

    def on_event(task: Task, event: WorkerEvent) -> str | None:
        reason = judge(task.name, event) if judge is not None else None
        if reason:
            given_up.add(task.name)
        if view is not None:
            view.update(task.name, **update_of(event, by_name[task.name].budget.env_steps))
        return reason

    def on_end(task: Task, ended: Ended) -> None:
        run, run_dir = by_name[task.name], RunDir(task.run_dir)
        result = RunRecord(run_dir.path).result
        if result is None:
            result = _failure(run, run_dir, ended)
            if task.name in given_up:
                result = dataclasses.replace(result, status="pruned", log_tail=())
            write_result(run_dir, result)
        if view is not None:
            view.update(task.name, status=result.status, env_steps=result.env_steps, message=_closing_message(result))

    executor.execute(tasks, on_event, on_end)
    results = [RunRecord(experiment.path / run.name).result for run in runs]
    return [result for result in results if result is not None]


def check_frameworks(runs: list[Run]) -> None:
    """Refuses runs whose framework is not installed.

    Raises:
        ArenaError: naming the missing module and the command that installs it.
    """
    for run in runs:
        spec, config = run.spec(), run.config()
        for module in sorted(spec.modules_for(config)):
            if importlib.util.find_spec(module) is None:
                raise ArenaError(f"agent {run.agent.name!r} needs {module!r}, which is not installed: {spec.install_command(config)}")


def _todo(experiment: Experiment, runs: list[Run], retry_failed: bool) -> list[Run]:
    refuse_changes(experiment.path, runs)
    results = {run.name: RunRecord(experiment.path / run.name).result for run in runs}
    return [run for run in runs if (result := results[run.name]) is None or (retry_failed and result.status != "finished")]


def refuse_changes(path: Path, runs: list[Run]) -> None:
    """Refuses runs that are in the experiment's folder `path` with other inputs.

    Raises:
        ArenaError: with the first differences; all of them, and how many runs each is of, are its notes.
    """
    changed: dict[str, list[str]] = {}
    for run in runs:
        run_dir = RunDir(path / run.name)
        if run_dir.run.exists():
            there, wanted = (json.loads(json.dumps(it.inputs())) for it in (RunRecord(run_dir.path).run, run))
            for difference in differences(there, wanted):
                changed.setdefault(told(difference), []).append(run.name)
    if not changed:
        return
    listed = "; ".join(list(changed)[:3]) + ("; …" if len(changed) > 3 else "")
    error = ArenaError(
        f"{path} holds runs with other inputs ({listed}); undo the change, or start a new experiment beside it with --name or --output"
    )
    for line, names in changed.items():
        error.add_note(f"  {line} ({names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''})")
    raise error


def make_folder(path: Path) -> None:
    """Makes an experiment's folder; raises ArenaError where that is not allowed."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a NUL character
        raise ArenaError(f"cannot make the output folder {str(path)!r}: {getattr(error, 'strerror', error)}") from error
    if not os.access(path, os.W_OK):
        raise ArenaError(f"the output folder {path} is not writable; give another with --output")


def _task(run: Run, path: Path) -> Task:
    spec, config = run.spec(), run.config()
    return Task(
        name=run.name,
        run_dir=path,
        process_env=spec.process_env_for(config),
        threads=run.resources.threads,
        timeout_seconds=run.resources.timeout_seconds,
        device=run.resources.device,
        gpu_share=run.resources.gpu_share,
        kind=f"{run.agent.name}/{run.env.name}",
    )


def _prepare(run: Run, run_dir: RunDir) -> None:
    run_dir.path.mkdir(parents=True, exist_ok=True)
    if run_dir.latest_checkpoint() is None:
        run_dir.clear()
    run_dir.result.unlink(missing_ok=True)
    write_run(run_dir, run)


def _failure(run: Run, run_dir: RunDir, ended: Ended) -> RunResult:
    tail = run_dir.log_tail()
    status: Status = "crashed"
    if ended.timed_out:
        status, reason = "timed_out", f"took longer than {run.resources.timeout_seconds:g} s"
    elif ended.reason:
        status, reason = ("killed" if ended.exit_code < 0 else "crashed"), ended.reason
    elif ended.exit_code < 0:
        status, reason = "killed", f"ended by signal {signal.Signals(-ended.exit_code).name}"
    else:
        reason = tail[-1] if ended.exit_code and tail else f"worker exited with code {ended.exit_code} and left no result"
    return RunResult(
        status=status,
        agent=run.agent.name,
        env=run.env.name,
        seed=run.seed,
        path=str(run_dir.path),
        reason=reason,
        log_tail=tail,
        **RunRecord(run_dir.path).last_known(),
    )


def _closing_message(result: RunResult) -> str:
    if result.score_mean is None:
        return result.reason
    return f"score {result.score_mean:.1f} ± {result.score_std or 0.0:.1f} over {result.score_episodes} episodes ({result.reason})"
