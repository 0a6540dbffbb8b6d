"""Plan of an experiment: which runs are left, how long they take at most, and in what the agents differ. Nothing is written."""

import dataclasses
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.experiment.experiment import Experiment
from arena.formats.differences import differing_keys
from arena.formats.trees import files_below
from arena.machine.cores import usable_cores
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import Run
from arena.run_folder.record import RunRecord
from arena.run_folder.status import RunProgress, progress


@dataclasses.dataclass(frozen=True, kw_only=True)
class Speed:
    """How fast an agent is on an environment."""

    start_seconds: float
    """Wall seconds until training begins: import and building."""
    seconds_per_env_step: float
    """Wall seconds for each env step: training, evaluation and checkpoints."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One run of the plan."""

    run: Run
    progress: RunProgress
    seconds: float | None
    """Upper estimate of the seconds that the run still takes on one worker; None if no earlier run tells how fast the agent is there."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExperimentPlan:
    """Everything that running an experiment would do."""

    experiment: Experiment
    runs: tuple[PlannedRun, ...]
    workers: int
    """Number of runs at a time on this machine."""
    seconds: float | None
    """Upper estimate of the wall seconds of all runs together; None if that of some run is unknown."""


def make_plan(experiment: Experiment, *, retry_failed: bool = False, extend: bool = False) -> ExperimentPlan:
    """Returns what running the experiment would do.

    The time comes from finished runs of the same agent on the same environment anywhere under `experiment.output`: the median of each.

    Args:
        experiment: agents, envs, seeds, budget.
        retry_failed: whether runs that failed or were pruned would be tried again.
        extend: whether runs that finished with a smaller budget of env steps would be continued.
    """
    speeds = _speeds(experiment.output)
    runs = []
    for run in experiment.runs():
        state = progress(RunDir(experiment.path / run.name), run.name)
        is_extended = extend and state.state == "finished" and run.budget.env_steps > (state.max_env_steps or 0)
        is_over = state.state in ("finished", "damaged") and not is_extended
        ended = is_over or (state.state in ("failed", "pruned") and not retry_failed)
        seconds = 0.0 if ended else _seconds_left(run, state, speeds.get((run.agent.agent, run.env.name)))
        runs.append(PlannedRun(run=run, progress=state, seconds=seconds))
    workers = experiment.resources.workers or max(1, len(usable_cores()) // experiment.resources.threads)
    known = [planned.seconds for planned in runs if planned.seconds is not None]
    total = max(sum(known) / workers, max(known)) if len(known) == len(runs) else None
    return ExperimentPlan(experiment=experiment, runs=tuple(runs), workers=workers, seconds=total)


def _seconds_left(run: Run, state: RunProgress, speed: Speed | None) -> float | None:
    if speed is None:
        return None
    return speed.start_seconds + speed.seconds_per_env_step * (run.budget.env_steps - (state.checkpoint_env_steps or 0))


def agent_differences(experiment: Experiment) -> dict[str, dict[str, dict[str, Any]]]:
    """Returns the hyperparameters in which agents of one algorithm differ on the first environment, by algorithm and agent.

    An algorithm with one agent is left out. A hyperparameter that an agent's framework does not have is missing from its table.
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
    """Returns the hyperparameters that an agent has on one environment and not on the others, by environment and agent."""
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
    for path in sorted(path for path in files_below(output) if path.name == "result.json"):
        record = RunRecord(path.parent)
        try:
            result, run = record.claimed, record.run
        except ArenaError:
            continue  # a file of another program or version: the estimate does without it
        if result is not None and result.status == "finished" and result.env_steps:
            work_seconds = result.seconds.total - result.seconds.until_training
            speed = Speed(start_seconds=result.seconds.until_training, seconds_per_env_step=work_seconds / result.env_steps)
            samples[run.agent.agent, run.env.name].append(speed)
    return {key: _median(speeds) for key, speeds in samples.items()}


def _median(speeds: Sequence[Speed]) -> Speed:
    return Speed(
        start_seconds=statistics.median(speed.start_seconds for speed in speeds),
        seconds_per_env_step=statistics.median(speed.seconds_per_env_step for speed in speeds),
    )
