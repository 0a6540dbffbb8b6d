"""`arena run --dry-run`: what running an experiment would do."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from arena.executors.choice import make_executor
from arena.experiment.check import check_experiment, warnings_about
from arena.experiment.experiment import Experiment
from arena.experiment.folder import refuse_changes
from arena.experiment.plan import ExperimentPlan, PlannedRun, agent_differences, env_differences, make_plan
from arena.experiment.until_decided import refuse_another_question, stopping_rule
from arena.formats.readable import duration
from arena.statistics.smallest_difference import SmallestDifference, smallest_difference
from arena.terminal.output import Mode, Output, make_table

MAX_NAMED = 3
"""Number of pairs of agent and environment of unknown speed that the line about the time names."""


def dry_run(experiment: Experiment, *, retry_failed: bool, extend: bool = False, mode: Mode) -> int:
    """Prints what running the experiment would do, and refuses what that would refuse; writes nothing and asks no cluster.

    Args:
        experiment: agents, envs, seeds, budget.
        retry_failed: whether runs that failed would be tried again.
        extend: whether runs that finished with a smaller budget would be continued.
        mode: how to write; as JSON, one object for the whole plan.
    """
    traits = check_experiment(experiment)
    make_executor(experiment.executor, experiment.resources.workers)  # refuses one that cannot work
    plan = make_plan(experiment, retry_failed=retry_failed, extend=extend)
    out = Output(mode)
    out.record(_document(plan))
    _show(plan, out)
    for sentence in warnings_about(experiment, traits):
        out.say(f"Note: {sentence}.")
    if experiment.until_decided is not None:
        refuse_another_question(experiment)
    else:
        refuse_changes(experiment.path, experiment.runs(), extend=extend)
    return 0


def _document(plan: ExperimentPlan) -> dict[str, Any]:
    runs = [
        {**dataclasses.asdict(planned.progress), "budget": dataclasses.asdict(planned.run.budget), "seconds": planned.seconds}
        for planned in plan.runs
    ]
    smallest = _smallest_difference(plan.experiment)
    return {
        "name": plan.experiment.name,
        "path": str(plan.experiment.path),
        "seeds": plan.experiment.seeds,
        "smallest_difference": None if smallest is None else {**dataclasses.asdict(smallest), "probability": smallest.probability},
        "workers": plan.workers,
        "seconds": plan.seconds,
        "runs": runs,
        "differences": agent_differences(plan.experiment),
        "env_differences": env_differences(plan.experiment),
    }


def _smallest_difference(experiment: Experiment) -> SmallestDifference | None:
    """Returns the smallest difference that the seeds can show; None if there is nobody to compare."""
    num_agents, num_envs, rule = len(experiment.agents), len(experiment.envs), experiment.until_decided
    if num_agents < 2:
        return None
    num_pairs = num_agents * (num_agents - 1) // 2
    if rule is None:
        return smallest_difference(len(experiment.seeds), num_pairs, num_envs)
    return smallest_difference(rule.max_seeds, num_pairs, num_envs, level=stopping_rule(rule).level_of_looks)


def _show(plan: ExperimentPlan, out: Output) -> None:
    experiment = plan.experiment
    counts = Counter(planned.progress.state for planned in plan.runs)
    seeds = ", ".join(map(str, experiment.seeds))
    if (rule := experiment.until_decided) is not None:
        seeds += f", and more in groups of {rule.group_size} up to {rule.max_seeds}, until the ranking is decided (alpha {rule.alpha:g})"
    product = f"{len(experiment.agents)} agents x {len(experiment.envs)} environments x {len(experiment.seeds)} seeds"
    out.say(f"{experiment.name}: {product} = {len(plan.runs)} runs in {experiment.path}")
    out.say(f"Seeds: {seeds}.")
    if (smallest := _smallest_difference(experiment)) is not None:
        out.say(f"Verdict: {smallest.sentence()}")
    out.say(f"Runs: {', '.join(f'{count} {state}' for state, count in counts.items())}.")
    out.say(f"Time: {_time(plan)}.")
    for sentence in _env_workers(plan):
        out.say(sentence)
    groups: dict[tuple[str, ...], list[PlannedRun]] = {}
    for planned in plan.runs:
        run = planned.run
        key = (run.agent.name, run.env.name, f"{run.budget.env_steps:,}", planned.progress.state)
        groups.setdefault(key, []).append(planned)
    rows = [
        (agent, env, str(len(members)), steps, state, _seconds(state, members)) for (agent, env, steps, state), members in groups.items()
    ]
    out.show(make_table(("agent", "env", "seeds", "env steps", "state", "seconds each"), rows))
    for algorithm, agents in agent_differences(experiment).items():
        _show_differences(f"Differences between the {algorithm} agents", agents, out)
    for env, agents in env_differences(experiment).items():
        _show_differences(f"Different on {env}", agents, out)


def _env_workers(plan: ExperimentPlan) -> list[str]:
    """Returns a sentence for each number of processes that step environments, with the agents that have it."""
    found: dict[tuple[int, int], dict[str, None]] = {}
    for planned in plan.runs:
        resources = planned.run.resources
        if resources.env_workers:
            found.setdefault((resources.env_workers, resources.threads), {})[planned.run.agent.name] = None
    return [
        f"Environments of {', '.join(agents)}: stepped by {count} {'process' if count == 1 else 'processes'} of each run, on its {threads} "
        f"{'core' if threads == 1 else 'cores'}, unless they have a vector form (env_workers)."
        for (count, threads), agents in found.items()
    ]


def _show_differences(title: str, agents: Mapping[str, Mapping[str, Any]], out: Output) -> None:
    names = list(dict.fromkeys(name for settings in agents.values() for name in settings))
    if not names:
        out.say(f"{title}: none.")
        return
    rows = [(agent, *(_text(settings[name]) if name in settings else "-" for name in names)) for agent, settings in agents.items()]
    out.say(f"{title}:")
    out.show(make_table(("agent", *names), rows))


def _seconds(state: str, members: Sequence[PlannedRun]) -> str:
    known = [planned.seconds for planned in members if planned.seconds is not None]
    if state == "finished":
        return ""
    return f"{max(known):,.0f}" if known else "unknown"


def _time(plan: ExperimentPlan) -> str:
    if plan.seconds is not None:
        return f"at most about {duration(plan.seconds)} with {plan.workers} workers" if plan.seconds else "nothing is left to do"
    unknown = sorted({f"{planned.run.agent.name} on {planned.run.env.name}" for planned in plan.runs if planned.seconds is None})
    known = sum(planned.seconds or 0.0 for planned in plan.runs) / plan.workers
    rest = f"; the rest about {duration(known)} with {plan.workers} workers" if known else ""
    named = ", ".join(unknown[:MAX_NAMED]) + (f" and {len(unknown) - MAX_NAMED} more" if len(unknown) > MAX_NAMED else "")
    return f"unknown for {named}, because {plan.experiment.output} holds no earlier run of it{rest}"


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_text(item) for item in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)
