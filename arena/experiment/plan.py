"""What an experiment would do: which runs, how long, and in what its agents differ. Nothing is written."""

import dataclasses
import statistics
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.experiment.experiment import Experiment
from arena.formats.differences import differing_keys
from arena.machine.cores import usable_cores
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import Run
from arena.run_folder.record import RunRecord
from arena.run_folder.status import RunProgress, progress

Speed = tuple[float, float]
"""Seconds of start-up (import, building), and seconds for each env step (training, evaluation, checkpoints)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One run of the plan."""

    run: Run
    progress: RunProgress
    seconds: float | None
    """Left, on one worker, at most; None where no earlier run says how quick the agent is on this environment."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExperimentPlan:
    """An experiment, resolved."""

    experiment: Experiment
    runs: tuple[PlannedRun, ...]
    workers: int
    """Runs at a time on this machine."""
    seconds: float | None
    """Wall time, at most; None if that of some run is unknown."""


def make_plan(experiment: Experiment, *, retry_failed: bool = False) -> ExperimentPlan:
    """Returns what running the experiment would do.

    The time comes from finished runs of the same agent on the same environment anywhere under `experiment.output`: the median of each.
    """
    speeds = _speeds(experiment.output)
    runs = []
    for run in experiment.runs():
        state = progress(RunDir(experiment.path / run.name), run.name)
        ended = state.state == "finished" or (state.state in ("failed", "pruned") and not retry_failed)
        speed = speeds.get((run.agent.agent, run.env.name))
        left = run.budget.env_steps - (state.checkpoint_env_steps or 0)
        seconds = 0.0 if ended else None if speed is None else speed[0] + speed[1] * left
        runs.append(PlannedRun(run=run, progress=state, seconds=seconds))
    workers = experiment.resources.workers or max(1, len(usable_cores()) // experiment.resources.threads)
    known = [planned.seconds for planned in runs if planned.seconds is not None]
    total = max(sum(known) / workers, max(known)) if len(known) == len(runs) else None
    return ExperimentPlan(experiment=experiment, runs=tuple(runs), workers=workers, seconds=total)


def differences(experiment: Experiment) -> dict[str, dict[str, dict[str, Any]]]:
    """Returns, for each algorithm with several agents, by agent the hyperparameters in which they differ on the first environment.

    One that an agent's framework does not have is missing from its table.
    """
    first = dataclasses.replace(experiment, envs=experiment.envs[:1], seeds=experiment.seeds[:1])
    by_algorithm: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for run in first.runs():
        by_algorithm[run.spec().algorithm][run.agent.name] = run.agent.hyperparameters
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for algorithm, agents in by_algorithm.items():
        if len(agents) > 1:
            names = differing_keys(list(agents.values()))
            found[algorithm] = {agent: {name: own[name] for name in names if name in own} for agent, own in agents.items()}
    return found


def env_differences(experiment: Experiment) -> dict[str, dict[str, dict[str, Any]]]:
    """Returns, by environment and agent, the hyperparameters that are otherwise there than the agent's elsewhere."""
    result: dict[str, dict[str, dict[str, Any]]] = {}
    for env, settings in experiment.env_settings.items():
        for agent in experiment.agents:
            here = settings.hyperparameters.get(agent.name, agent.hyperparameters)
            changed = {name: value for name, value in here.items() if value != agent.hyperparameters[name]}
            if changed:
                result.setdefault(env, {})[agent.name] = changed
    return result


def _speeds(output: Path) -> dict[tuple[str, str], Speed]:
    samples: dict[tuple[str, str], list[Speed]] = defaultdict(list)
    for path in sorted(output.rglob("result.json")) if output.is_dir() else ():
        record = RunRecord(path.parent)
        try:
            result, run = record.result, record.run
        except ArenaError:
            continue  # another program's file, or another version's: it only misses from an estimate
        if result is not None and result.status == "finished" and result.env_steps:
            per_env_step = (result.whole_seconds - result.start_seconds) / result.env_steps
            samples[run.agent.agent, run.env.name].append((result.start_seconds, per_env_step))
    return {key: (statistics.median(s[0] for s in speeds), statistics.median(s[1] for s in speeds)) for key, speeds in samples.items()}
