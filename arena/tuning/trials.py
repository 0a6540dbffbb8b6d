"""Trials as agents of an experiment: the searched agent, once for each trial, with the settings that the trial tries."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from arena.errors import ArenaError
from arena.experiment.experiment import EnvSettings, Experiment
from arena.run_folder.inputs import AgentEntry


def with_trials(experiment: Experiment, agent: AgentEntry, settings: Mapping[str, Mapping[str, Any]]) -> tuple[Experiment, dict[str, str]]:
    """Returns an experiment whose agents are trials.

    Args:
        experiment: environments, seeds and budgets of a trial.
        agent: the agent whose hyperparameters are searched.
        settings: hyperparameters that a trial tries, by the trial's name.

    Returns:
        The experiment, and the reason for each trial that is left out because its settings are valid alone and not together, by name.
    """
    agents, refused = [], dict[str, str]()
    per_env: dict[str, dict[str, Mapping[str, Any]]] = {env: {} for env in experiment.env_settings}
    for name, tried in settings.items():
        try:
            agents.append(dataclasses.replace(agent, name=name, hyperparameters=_resolve(agent, agent.hyperparameters, tried)))
            for env, own in experiment.env_settings.items():
                if agent.name in own.hyperparameters:
                    per_env[env][name] = _resolve(agent, own.hyperparameters[agent.name], tried)
        except ArenaError as error:
            refused[name] = str(error)
    env_settings = {env: EnvSettings(budget=own.budget, hyperparameters=per_env[env]) for env, own in experiment.env_settings.items()}
    accepted = tuple(entry for entry in agents if entry.name not in refused)
    return dataclasses.replace(experiment, agents=accepted, env_settings=env_settings), refused


def _resolve(agent: AgentEntry, hyperparameters: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    return dataclasses.asdict(dataclasses.replace(agent, hyperparameters={**hyperparameters, **settings}).config())
