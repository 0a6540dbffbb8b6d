"""`arena train` and `arena run`."""

import contextlib
import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.cli.closing_table import ClosingRow, closing_table
from arena.cli.live import TerminalView
from arena.cli.live_rows import LiveRow
from arena.environments.config import EnvConfig, WrapperConfig
from arena.errors import ArenaError
from arena.executors.base import Executor, ExecutorConfig
from arena.executors.choice import lasting_executor, make_executor
from arena.experiment.check import check_experiment, warnings_about
from arena.experiment.compatibility import EnvTraits
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_toml
from arena.experiment.names import check_name
from arena.experiment.one_run import one_run
from arena.experiment.records import redo
from arena.experiment.runner import run_checked
from arena.formats.toml import parse_toml
from arena.formats.validation import checked
from arena.machine.file_system import lock_limits
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import Resources
from arena.run_folder.record import RunRecord
from arena.run_folder.result import UNREADABLE, RunResult
from arena.terminal.output import Mode, Output, command_line, complain, explain_stop


def train(
    agent: str,
    env: str,
    settings: list[str],
    budget: Mapping[str, Any],
    seed: int,
    name: str,
    output: Path,
    resources: Mapping[str, Any],
    *,
    env_settings: Sequence[str] = (),
    wrappers: Sequence[str] = (),
    evaluation: Mapping[str, Any] | None = None,
    init: Path | None = None,
    tuned: bool = False,
    resume: bool,
    mode: Mode,
) -> None:
    """Trains one agent on one environment; exits with 1 if the run fails."""
    hyperparameters = dict(parse_setting(setting) for setting in settings)
    config = EnvConfig(
        env, dict(parse_setting(setting, "--env-set") for setting in env_settings), wrappers=tuple(map(parse_wrapper, wrappers))
    )
    place: dict[str, Any] = {"seed": seed, "name": name, "output": output, "init": init}
    experiment = one_run(agent, config, hyperparameters, budget, resources, evaluation=evaluation, tuned=tuned, **place)
    run_dir = RunDir(experiment.path / next(experiment.runs()).name)
    if run_dir.run.exists() and not resume:
        state = "a finished run" if run_dir.result.exists() else "a run that --resume continues"
        raise ArenaError(f"{run_dir.path} holds {state}; give another --name, --output or --seed")
    sys.exit(execute(experiment, mode=mode, retry_failed=resume))


def run(
    file: Path,
    options: Mapping[str, Any],
    *,
    dry_run: bool,
    retry_failed: bool,
    wait: bool = True,
    extend: bool = False,
    trackers: Sequence[str] = (),
    mode: Mode,
) -> int:
    """Runs the experiment of a file, or prints what that would do; returns 0 if every run finished.

    Args:
        file: the experiment, or the name of one that comes with the arena.
        options: values that replace those of the file.
        dry_run: whether nothing is run.
        retry_failed: whether runs that failed earlier are tried again.
        wait: whether runs that other arenas work on are waited for.
        extend: whether runs that finished with a smaller budget are continued.
        trackers: names of trackers that get the runs once all have ended; nothing is sent to another machine.
        mode: how to write.
    """
    experiment = with_options(from_toml(file), **options)
    if dry_run:
        from arena.cli import dry_run as plan  # imports SciPy, as below

        return plan.dry_run(experiment, retry_failed=retry_failed, extend=extend, mode=mode)
    how: dict[str, Any] = {"mode": mode, "retry_failed": retry_failed, "wait": wait, "extend": extend}
    if not trackers:
        return execute(experiment, **how)
    from arena.cli import sync  # imports TensorBoard

    made = {name: sync.make_tracker(name, experiment.path, sync.PROJECT, online=False) for name in trackers}
    code = execute(experiment, **how)
    for name, tracker in made.items():
        sync.send(tracker, experiment.path, f"{name}/{sync.PROJECT}", mode=mode)
    return code


def with_options(
    experiment: Experiment,
    output: Path | None = None,
    workers: int | None = None,
    device: str | None = None,
    *,
    name: str | None = None,
    executor: Mapping[str, str | None] | None = None,
) -> Experiment:
    """Returns the experiment with the values that the command line gives."""
    resources = {"workers": workers, "device": device}
    given = {key: value for key, value in (executor or {}).items() if value is not None}
    return dataclasses.replace(
        experiment,
        name=experiment.name if name is None else check_name(name, "experiment name"),
        output=output or experiment.output,
        resources=checked(Resources, _changed(experiment.resources, resources), "resources"),
        executor=checked(ExecutorConfig, _changed(experiment.executor, given), "executor"),
    )


def _changed(settings: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    return {**dataclasses.asdict(settings), **{key: value for key, value in changes.items() if value is not None}}


def execute(experiment: Experiment, *, mode: Mode, retry_failed: bool, wait: bool = True, extend: bool = False) -> int:
    """Checks and runs an experiment under a live view and prints the closing table; returns 0 if every run of the table finished."""
    if extend and experiment.until_decided is not None:
        raise ArenaError('--extend and seeds = "until-decided" exclude each other: the decision was made at the smaller budget')
    if not wait and experiment.until_decided is not None:
        raise ArenaError('--no-wait and seeds = "until-decided" exclude each other: the next seeds depend on all results')
    warn_about(experiment, check_experiment(experiment))
    if where := lock_limits(experiment.path):
        complain(f"arena: locks on {where} end at this machine, so no other machine may work on {experiment.path} now")
    if experiment.until_decided is None:
        executor = make_executor(experiment.executor, experiment.resources.workers)
        results = _watch(experiment, executor, mode=mode, retry_failed=retry_failed, wait=wait, extend=extend)
    else:
        # SciPy takes longer to import than everything else here, and other experiments do without it.
        from arena.experiment.until_decided import run_until_decided, sentences

        with lasting_executor(experiment.executor, experiment.resources.workers) as executor:
            results, decision = run_until_decided(experiment, lambda group: _watch(group, executor, mode=mode, retry_failed=retry_failed))
        for sentence in sentences(decision):
            Output(mode).say(sentence)
    Output(mode).say(f"Curves: tensorboard --logdir {experiment.path}")
    return 0 if all(result.status == "finished" for result in results) else 1


def watch(experiment: Experiment, *, mode: Mode, retry_failed: bool) -> list[RunResult]:
    """Checks and runs an experiment under a live view, prints the closing table and returns the results."""
    warn_about(experiment, check_experiment(experiment))
    executor = make_executor(experiment.executor, experiment.resources.workers)
    return _watch(experiment, executor, mode=mode, retry_failed=retry_failed)


def warn_about(experiment: Experiment, traits: Mapping[str, EnvTraits]) -> None:
    """Writes on standard error what users must know of their environments before they read scores."""
    for sentence in warnings_about(experiment, traits):
        complain(f"arena: {sentence}")


def _watch(
    experiment: Experiment, executor: Executor, *, mode: Mode, retry_failed: bool, wait: bool = True, extend: bool = False
) -> list[RunResult]:
    names = [run.name for run in experiment.runs()]
    view = TerminalView(names, earlier=_earlier(experiment, names, retry_failed=retry_failed), mode=mode)
    try:
        results = run_checked(experiment, executor, view, retry_failed=retry_failed, wait=wait, extend=extend)
    except KeyboardInterrupt:
        view.finish()
        options = " --resume" if "train" in sys.argv[:2] and "--resume" not in sys.argv else ""
        explain_stop(f"All that was written is kept in {experiment.path}", options=options)
        raise
    view.finish()
    closing_table([_closing_row(result) for result in results], mode=mode)
    if len(results) < len(names):
        complain(f"arena: other arenas still work on {len(names) - len(results)} of {len(names)} runs (arena status {experiment.path})")
    for result in results:
        if result.status in UNREADABLE:
            complain(f"arena: {result.run_name} {result.status}: {result.reason}. To redo it alone:", f"  {redo(result, command_line())}")
        elif result.status != "finished":
            complain(f"arena: {result.run_name} {result.status}: {result.reason} (log in {result.path})")
    return results


def _earlier(experiment: Experiment, names: Sequence[str], *, retry_failed: bool) -> dict[str, LiveRow]:
    """Returns the state of the runs that ended in an earlier call and are not tried again."""
    found = {}
    for name in names:
        with contextlib.suppress(ArenaError):  # the runner says what cannot be read
            result = RunRecord(experiment.path / name).claimed
            if result is not None and (result.status == "finished" or not retry_failed):
                found[name] = LiveRow(
                    status=result.status, env_steps=result.env_steps, score_mean=result.score_mean, score_std=result.score_std
                )
    return found


def _closing_row(result: RunResult) -> ClosingRow:
    return ClosingRow(
        agent=result.agent,
        env=result.env,
        seed=result.seed,
        status=result.status,
        env_steps=result.env_steps,
        score_mean=result.score_mean,
        score_std=result.score_std,
        score_episodes=result.score_episodes,
        score_num_cut=result.score_num_cut,
        train_seconds=result.seconds.train or None,
        env_steps_per_second=result.env_steps_per_second,
        policy_path=None if result.score_mean is None else str(RunDir(Path(result.path)).policy),
    )


def parse_wrapper(text: str) -> WrapperConfig:
    """Returns the wrapper that `NAME` or `NAME(KEY=VALUE, ...)` names, with values in TOML: `atari(size=96)`.

    Raises:
        ArenaError: if the arguments are no TOML, or have no closing bracket.
    """
    name, bracket, rest = text.strip().partition("(")
    if not bracket:
        return WrapperConfig(name)
    if not rest.endswith(")"):
        raise ArenaError(f"--wrapper {text!r} must be NAME or NAME(KEY=VALUE, ...)")
    try:
        return WrapperConfig(name.strip(), parse_toml(f"value = {{ {rest[:-1].strip().rstrip(',')} }}", "--wrapper")["value"])
    except ArenaError as error:
        raise ArenaError(
            f"--wrapper {text!r}: the arguments must be KEY=VALUE, ..., with values as in an experiment's file: 4, -1.0, true, "
            f'"text", ["a", "b"] ({error})'
        ) from error


def parse_setting(setting: str, option: str = "--set") -> tuple[str, Any]:
    """Returns the key and value of `KEY=VALUE`; the value is TOML, or a bare word taken as a string.

    Args:
        setting: what the user wrote.
        option: name of the option, for the error.

    Raises:
        ArenaError: if the key or the `=` is missing.
    """
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise ArenaError(f"{option} {setting!r} must be KEY=VALUE")
    try:
        return key.strip(), parse_toml(f"value = {text}", f"{option} {key}")["value"]
    except ArenaError:
        return key.strip(), text.strip()
