"""`arena run --dry-run` and `arena status`."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.executors.choice import make_executor
from arena.experiment.check import check_experiment
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_toml
from arena.experiment.folder import refuse_changes
from arena.experiment.plan import ExperimentPlan, PlannedRun, agent_differences, env_differences, make_plan
from arena.experiment.until_decided import refuse_another_question
from arena.formats.locks import is_locked
from arena.formats.readable import duration
from arena.run_folder.folder import RunDir
from arena.run_folder.record import run_folders
from arena.run_folder.status import RunProgress, progress
from arena.terminal.output import Mode, Output, make_table


def dry_run(experiment: Experiment, *, retry_failed: bool, mode: Mode) -> int:
    """Prints what running the experiment would do, and refuses what it would refuse; writes nothing."""
    check_experiment(experiment)
    make_executor(experiment.executor, experiment.resources.workers)  # refuses one that cannot work; asks no cluster
    plan = make_plan(experiment, retry_failed=retry_failed)
    to = Output(mode)
    to.record(_document(plan))
    _print(plan, to)
    if experiment.until_decided is not None:
        refuse_another_question(experiment)
    else:
        refuse_changes(experiment.path, list(experiment.runs()))
    return 0


def status(target: Path, output: Path | None, *, mode: Mode) -> int:
    """Prints where the runs of an experiment's file, or those under a folder, stand; returns 1 if one has failed."""
    if target.is_dir():
        folder, states = target, _under(target)
        if not states:
            raise ArenaError(f"{target} holds no runs")
    else:
        experiment = from_toml(target)
        experiment = dataclasses.replace(experiment, output=output or experiment.output)
        folder = experiment.path
        searched = (folder / "tune.db").exists()  # by `arena tune`: its runs are trials, those of the file do not exist
        runs = [] if searched else list(experiment.runs())
        wanted = [progress(RunDir(folder / run.name), run.name) for run in runs]
        names = {state.name for state in wanted}
        states = [*wanted, *(state for state in _under(folder) if state.name not in names)]
    to = Output(mode)
    for state in states:
        to.record(dataclasses.asdict(state))
    _print_states(states, to)
    if is_locked(folder):
        to.say(f"An arena is at work in {folder}.")
    return 1 if any(state.state == "failed" for state in states) else 0


def _under(folder: Path) -> list[RunProgress]:
    return [progress(RunDir(path), str(path.relative_to(folder))) for path in run_folders(folder)]


def _print_states(states: Sequence[RunProgress], to: Output) -> None:
    rows = []
    for state in states:
        of = f" / {state.max_env_steps:,}" if state.max_env_steps else ""
        checkpoint = "" if state.state == "finished" or state.checkpoint_env_steps is None else f"{state.checkpoint_env_steps:,}"
        row = [state.name, state.state, f"{state.env_steps:,}{of}", checkpoint, _number(state.best_return), _number(state.score_mean)]
        rows.append([*row, f"{duration(state.age_seconds)} ago" if state.age_seconds is not None else ""])
    to.show(make_table(("run", "state", "env steps", "resumes at", "best", "score", "written"), rows))
    for state in states:
        if state.state in ("failed", "pruned"):
            to.say(f"{state.name}: {state.reason}")
    counts = Counter(state.state for state in states)
    to.say(", ".join(f"{count} {state}" for state, count in counts.items()))


def _print(plan: ExperimentPlan, to: Output) -> None:
    experiment = plan.experiment
    counts = Counter(planned.progress.state for planned in plan.runs)
    seeds = ", ".join(map(str, experiment.seeds))
    if (rule := experiment.until_decided) is not None:
        seeds += f", and more in groups of {rule.group_size} up to {rule.max_seeds}, until the ranking is decided (alpha {rule.alpha:g})"
    lines = [
        f"{experiment.name}: {len(experiment.agents)} agents x {len(experiment.envs)} environments x {len(experiment.seeds)} seeds"
        f" = {len(plan.runs)} runs in {experiment.path}",
        f"Seeds: {seeds}.",
        f"Runs: {', '.join(f'{count} {state}' for state, count in counts.items())}.",
        f"Time: {_time(plan)}.",
    ]
    for line in lines:
        to.say(line)
    groups: dict[tuple[str, ...], list[PlannedRun]] = {}
    for planned in plan.runs:
        run = planned.run
        key = (run.agent.name, run.env.name, f"{run.budget.env_steps:,}", planned.progress.state)
        groups.setdefault(key, []).append(planned)
    rows = [(agent, env, str(len(members)), steps, state, _seconds_each(members)) for (agent, env, steps, state), members in groups.items()]
    to.show(make_table(("agent", "env", "seeds", "env steps", "state", "seconds each"), rows))
    for algorithm, agents in agent_differences(experiment).items():
        _print_differences(f"Differences between the {algorithm} agents", agents, to)
    for env, agents in env_differences(experiment).items():
        _print_differences(f"Otherwise on {env}", agents, to)


def _print_differences(title: str, agents: dict[str, dict[str, Any]], to: Output) -> None:
    names = list(dict.fromkeys(name for settings in agents.values() for name in settings))
    if not names:
        to.say(f"{title}: none.")
        return
    rows = [(agent, *(_text(own[name]) if name in own else "-" for name in names)) for agent, own in agents.items()]
    to.say(f"{title}:")
    to.show(make_table(("agent", *names), rows))


def _document(plan: ExperimentPlan) -> dict[str, Any]:
    runs = [
        {**dataclasses.asdict(planned.progress), "budget": dataclasses.asdict(planned.run.budget), "seconds": planned.seconds}
        for planned in plan.runs
    ]
    return {
        "name": plan.experiment.name,
        "path": str(plan.experiment.path),
        "seeds": plan.experiment.seeds,
        "workers": plan.workers,
        "seconds": plan.seconds,
        "runs": runs,
        "differences": agent_differences(plan.experiment),
        "env_differences": env_differences(plan.experiment),
    }


def _time(plan: ExperimentPlan) -> str:
    unknown = {f"{planned.run.agent.name} on {planned.run.env.name}" for planned in plan.runs if planned.seconds is None}
    if plan.seconds is not None:
        return f"at most about {duration(plan.seconds)} with {plan.workers} workers" if plan.seconds else "nothing is left to do"
    known = sum(planned.seconds or 0.0 for planned in plan.runs) / plan.workers
    rest = f"; the rest about {duration(known)} with {plan.workers} workers" if known else ""
    listed = ", ".join(sorted(unknown)[:3]) + (f" and {len(unknown) - 3} more" if len(unknown) > 3 else "")
    return f"unknown for {listed}, of which no earlier run is in {plan.experiment.output}{rest}"


def _seconds_each(members: Sequence[PlannedRun]) -> str:
    if members[0].progress.state == "finished":
        return ""
    known = [planned.seconds for planned in members if planned.seconds is not None]
    return f"{max(known):,.0f}" if known else "unknown"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_text(item) for item in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)
