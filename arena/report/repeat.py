"""The file of an experiment, restored from its run folders, so that `arena run` can repeat it."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from arena.experiment.file import FROM_FOLDERS
from arena.formats.toml import toml_table, toml_value
from arena.report.document import SequentialComparison
from arena.report.load import LoadedRun


def experiment_toml(name: str, runs: Sequence[LoadedRun], decisions: Sequence[SequentialComparison] = ()) -> str:
    """Returns TOML from which `arena run` repeats these runs, with the value of every hyperparameter, whatever its default is today.

    A value of None is left out, since TOML has none; None is only ever a default. An agent or environment that lacks some of the seeds
    gets all of them. If a sequential comparison of exactly these agents and environments chose the seeds, the file repeats the comparison.

    An experiment's file is the user's own word for the code that it names. So if the runs name code that isn't installed as a plug-in, the
    first line says so, and the file is refused until the user has removed that line.

    Args:
        name: name of the new experiment.
        runs: comparable runs, at least one.
        decisions: sequential comparisons that the runs were made for.
    """
    comparison = _comparison_of(runs, decisions)
    seeds = sorted({run.seed for run in runs}) if comparison is None else "until-decided"
    first = runs[0].run
    budgets = {run.env: dataclasses.asdict(run.run.budget) for run in runs}
    budget = common(budgets.values())
    evaluation = {**dataclasses.asdict(first.evaluation), "period": min(run.run.evaluation.period for run in runs)}
    named = ", ".join(map(repr, dict.fromkeys(name for run in runs for name in run.run.code_names())))
    lines = [f"{FROM_FOLDERS} = true  # remove this line if you trust what run folders named: {named}"] if named else []
    lines += [f"name = {toml_value(name)}", f"seed = {first.experiment_seed}", f"seeds = {toml_value(seeds)}"]
    for key, value in common([run.inputs for run in runs]).items():
        lines += [f"{key} = {value}"] if key in ("checkpoint_period", "log_period") else []
    lines += ["", *toml_table("budget", budget), "", *toml_table("evaluation", evaluation)]
    if comparison is not None:
        lines += ["", *toml_table("until-decided", {key: getattr(comparison, key) for key in ("group_size", "max_seeds", "alpha")})]
    usual, special = hyperparameters(runs)
    for agent in usual:
        identity = next(run.run.agent.agent for run in runs if run.agent == agent)
        lines += [
            "\n[[agents]]",
            f"agent = {toml_value(identity)}",
            f"name = {toml_value(agent)}",
            f"hyperparameters = {toml_value(usual[agent])}",
        ]
        init = next((run.run.agent.init for run in runs if run.agent == agent and run.run.agent.init is not None), None)
        lines += [f"init = {toml_value(init)}"] if init is not None else []
    for env, own_budget in budgets.items():
        config = next(run.run.env for run in runs if run.env == env)
        lines += ["\n[[envs]]", *(f"{key} = {toml_value(value)}" for key, value in config.to_entry().items())]
        lines += [f"budget = {toml_value(own_budget)}"] if own_budget != budget else []
        own = {agent: special[agent][env] for agent in special if special[agent].get(env)}
        lines += [f"hyperparameters = {toml_value(own)}"] if own else []
    return "\n".join(lines) + "\n"


def _comparison_of(runs: Sequence[LoadedRun], decisions: Sequence[SequentialComparison]) -> SequentialComparison | None:
    agents, envs = {run.agent for run in runs}, {run.env for run in runs}
    only = decisions[0] if len(decisions) == 1 else None
    return only if only is not None and (only.num_seeds.keys() == agents and set(only.envs) == envs) else None


def hyperparameters(runs: Sequence[LoadedRun]) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, dict[str, Any]]]]:
    """Returns the hyperparameters that an agent has on all environments, by agent, and those that differ, by agent and environment."""
    values: dict[str, dict[str, Mapping[str, Any]]] = {}
    for run in runs:
        values.setdefault(run.agent, {})[run.env] = run.run.agent.hyperparameters
    usual = {agent: common(by_env.values()) for agent, by_env in values.items()}
    special = {
        agent: {env: {key: value for key, value in own.items() if key not in usual[agent]} for env, own in by_env.items()}
        for agent, by_env in values.items()
    }
    return usual, {agent: by_env for agent, by_env in special.items() if any(by_env.values())}


def common(tables: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the items that all tables share."""
    first, *others = tables
    return {key: value for key, value in first.items() if all(key in other and other[key] == value for other in others)}
