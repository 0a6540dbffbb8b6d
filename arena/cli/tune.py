"""`arena tune`. Importing this module needs Optuna."""

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from arena.cli.live import TerminalView
from arena.cli.train import with_options
from arena.executors.base import Executor
from arena.executors.choice import lasting_executor, make_executor
from arena.experiment.check import check_experiment
from arena.experiment.experiment import Experiment
from arena.experiment.folder import make_folder
from arena.experiment.runner import Judge, run_checked
from arena.formats.folders import refuse_link
from arena.formats.locks import FolderLock
from arena.machine.file_system import lock_limits
from arena.run_folder.result import RunResult
from arena.terminal.output import Mode, Output, complain, explain_stop
from arena.tuning.best import write_best
from arena.tuning.config import TuneConfig, load_tuning, tuning_for
from arena.tuning.space import Space
from arena.tuning.storage import FILE_NAME, open_storage
from arena.tuning.study import ASK_SECONDS, Search, Tuned


@dataclasses.dataclass(frozen=True)
class Wanted:
    """A search as the command line asks for it."""

    experiment: Experiment
    """Experiment that each trial runs."""
    config: TuneConfig
    """Settings of the search."""
    spaces: Mapping[str, Space]
    """Hyperparameters that are searched, by agent name."""
    words: str
    """What stands behind `arena tune` on the command line, for the file with the outcome."""


def of_file(path: Path) -> Wanted:
    """Returns the search that a file describes; raises as `load_tuning`."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return Wanted(*load_tuning(path), path.name)


def of_pair(agent: str, env: str, *, env_steps: int, num_seeds: int) -> Wanted:
    """Returns the search of an agent's default space on an environment; raises as `tuning_for`."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return Wanted(*tuning_for(agent, env, env_steps=env_steps, num_seeds=num_seeds), f"{agent} {env}")


def tune(wanted: Wanted, options: Mapping[str, Any], trials: int | None, *, mode: Mode) -> int:
    """Searches the hyperparameters of an experiment's agents; returns 0 if every search has found some."""
    experiment, config, spaces = wanted.experiment, wanted.config, wanted.spaces
    experiment = with_options(experiment, **options)
    if trials is not None:
        config = dataclasses.replace(config, trials=trials)
    traits = check_experiment(experiment)
    make_executor(experiment.executor, experiment.resources.workers)  # refuses one that cannot work
    if where := lock_limits(experiment.path):
        complain(f"arena: locks on {where} end at this machine, so no other machine may work on {experiment.path} now")
    make_folder(experiment.path)
    for agent in experiment.agents:
        refuse_link(experiment.path / agent.name)
    best = experiment.path / "best.toml"
    outcomes: list[Tuned] = []
    to = Output(mode)

    def report(agent: str, trial: FrozenTrial, score: float | None) -> None:
        current = search.tuned()
        write_best(best, [*outcomes, current] if current is not None else outcomes, wanted.words)
        _print_trial(agent, trial, score, config.trials, to)

    def run_all(trials_of: Experiment, judge: Judge) -> list[RunResult]:
        check_experiment(trials_of, traits)  # the settings are new, the environments are not
        return _run(trials_of, executor, judge, mode)

    try:
        with FolderLock(experiment.path, wait_seconds=ASK_SECONDS):  # another process may make the same file
            storage = open_storage(experiment.path)
        with lasting_executor(experiment.executor, experiment.resources.workers) as executor:
            for agent in experiment.agents:
                search = Search(experiment, agent, config, spaces[agent.name], run_all, storage, report)
                search.run()
                if (outcome := search.tuned()) is not None:
                    outcomes.append(outcome)
                else:
                    complain(f"arena: no trial of {agent.name!r} ran to its end; the runs are in {experiment.path / agent.name}")
            write_best(best, outcomes, wanted.words)
    except KeyboardInterrupt:
        explain_stop(f"All trials are kept in {experiment.path}")
        raise
    for outcome in outcomes:
        to.say(f"{outcome.agent}: {outcome.score:.4g} with {_settings(outcome.settings)}")
    to.say(f"Best settings: {best}")
    to.say(f"All trials: optuna-dashboard sqlite:///{experiment.path / FILE_NAME}")
    return 0 if len(outcomes) == len(experiment.agents) else 1


def _run(experiment: Experiment, executor: Executor, judge: Judge, mode: Mode) -> list[RunResult]:
    shown: Mode = "live" if mode == "auto" and sys.stdout.isatty() else "quiet"  # in a log, a line for each trial says enough
    view = TerminalView([run.name for run in experiment.runs()], mode=shown)
    try:
        return run_checked(experiment, executor, view, judge=judge)
    finally:
        view.finish()


def _print_trial(agent: str, trial: FrozenTrial, best: float | None, num_trials: int, to: Output) -> None:
    name, settings, reason = (trial.user_attrs[key] for key in ("entry", "settings", "reason"))
    score = trial.value if trial.state.name == "COMPLETE" else None
    to.record({"event": "trial", "agent": agent, "trial": name, "score": score, "settings": settings, "reason": reason})
    outcome = reason if score is None else f"score {score:.4g}"
    best_text = "none" if best is None else f"{best:.4g}"
    to.say(f"{agent} {name} of {num_trials}: {outcome} (best {best_text}) with {_settings(settings)}")


def _settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in settings.items())
