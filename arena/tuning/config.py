"""The table `tune` of an experiment's file."""

import dataclasses
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna

from arena.agent.hyperparameters import Count
from arena.agent.registry import agent_spec
from arena.environments.config import EnvConfig
from arena.errors import ArenaError, did_you_mean
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.experiment.inheritance import load_table
from arena.formats.validation import Whole, check_keys, checked
from arena.run_folder.inputs import AgentEntry
from arena.seeding import sampler_seed
from arena.tuning.default_space import default_space
from arena.tuning.rehearsal import rehearse
from arena.tuning.space import Space, make_space

ORDERED_SAMPLERS = ("GridSampler", "QMCSampler")
"""Samplers whose seed orders one sequence: each trial takes the next of it, so the seed must be the same for all trials."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TuneConfig:
    """Settings of a search. Every agent gets the same number of trials, over the experiment's environments and seeds."""

    trials: Count = 20
    """Number of settings tried for each agent."""
    parallel_trials: Count = 1
    """Number of settings that are chosen together; their runs share the workers."""
    group_size: Count = 1
    """Number of seeds that a trial runs at once; the others wait until the pruner has seen these."""
    sampler: str | Mapping[str, Any] = "TPESampler"
    """Class of `optuna.samplers`, or a table of its `name` and arguments."""
    pruner: str | Mapping[str, Any] = "MedianPruner"
    """Class of `optuna.pruners`, or a table of its `name` and arguments; `NopPruner` runs every trial to its end."""
    seed: Whole = 0
    """Seed of the sampler."""

    def make_sampler(self, num_trials: int) -> optuna.samplers.BaseSampler:
        """Returns a new sampler for the trial after `num_trials` others; being new, it chooses the same after an interruption."""
        name = self.sampler if isinstance(self.sampler, str) else self.sampler.get("name")
        seed = self.seed if name in ORDERED_SAMPLERS else sampler_seed(self.seed, num_trials)
        return _make(optuna.samplers, "sampler", self.sampler, seed=seed)  # type: ignore[no-any-return]

    def make_pruner(self) -> optuna.pruners.BasePruner:
        """Returns the pruner."""
        return _make(optuna.pruners, "pruner", self.pruner)  # type: ignore[no-any-return]


def load_tuning(path: Path) -> tuple[Experiment, TuneConfig, dict[str, Space]]:
    """Returns what a file says of tuning: the experiment that each trial runs, the settings of the search, and the space of each agent.

    Raises:
        ArenaError: if anything in the file is unknown or wrong, or its sampler or pruner cannot work.
    """
    table, inherited = load_table(path)
    try:
        return _tuning({"name": path.stem, **table}, inherited)
    except ArenaError as error:
        raise ArenaError(f"{path}: {error}") from error


def tuning_for(agent: str, env: str, *, env_steps: int, num_seeds: int) -> tuple[Experiment, TuneConfig, dict[str, Space]]:
    """Returns what `load_tuning` does, for one agent on one environment and the default space of the agent's algorithm.

    Args:
        agent: agent id, or `package.module:SPEC`.
        env: id of the environment.
        env_steps: budget of a run.
        num_seeds: training seeds of a trial.

    Raises:
        ArenaError: if anything is unknown or wrong, or the algorithm has no default space.
    """
    spec = agent_spec(agent)
    table = {
        "name": f"tune-{spec.id}-{EnvConfig(env).name}",
        "agents": [agent],
        "envs": [env],
        "seeds": num_seeds,
        "budget": {"env_steps": env_steps},
        "evaluation": {"period": max(1, env_steps // 10)},
        "tune": {"space": {spec.algorithm: default_space(spec)}},
    }
    return _tuning(table, {})


def _tuning(table: Mapping[str, Any], inherited: Mapping[str, Any]) -> tuple[Experiment, TuneConfig, dict[str, Space]]:
    experiment = from_table(table, inherited=inherited)
    if experiment.until_decided is not None:
        raise ArenaError("seeds: tuning needs a count or a list")
    settings = dict(table.get("tune", {}))
    blocks = settings.pop("space", {})
    check_keys(settings, {*(field.name for field in dataclasses.fields(TuneConfig)), "space"}, "tune: ")
    config: TuneConfig = checked(TuneConfig, settings, "tune")
    spaces = _spaces(experiment, blocks)
    for space in spaces.values():
        rehearse(space, config.make_sampler, config.make_pruner)
    return experiment, config, spaces


def _spaces(experiment: Experiment, blocks: Any) -> dict[str, Space]:
    names = {agent.name: _block_names(agent) for agent in experiment.agents}
    known = {name for each in names.values() for name in each}
    if not isinstance(blocks, Mapping) or not blocks or not all(isinstance(block, Mapping) for block in blocks.values()):
        raise ArenaError("tune.space must have a table for each algorithm or agent that is searched: [tune.space.dqn]")
    for name in blocks:
        if name not in known:
            raise ArenaError(f"tune.space.{name} names no algorithm or agent of this experiment{did_you_mean(name, known)}")
    spaces = {}
    for agent in experiment.agents:
        for other in experiment.agents:
            if other is not agent and agent.name in names[other.name]:  # in best.toml, a block of that name is for both
                raise ArenaError(f"agents: what is found for {agent.name!r} would apply to {other.name!r} too; give it a name of its own")
        parameters: dict[str, Any] = {}
        whole: frozenset[str] = frozenset()
        for name in names[agent.name]:
            part = make_space(blocks.get(name, {}), agent_spec(agent.agent), f"tune.space.{name}")
            parameters |= part.parameters
            whole |= part.whole
        if not parameters:
            raise ArenaError(f"tune.space says nothing of agent {agent.name!r}; give it a table, or leave the agent out")
        spaces[agent.name] = Space(parameters, whole)
    return spaces


def _block_names(agent: AgentEntry) -> tuple[str, ...]:
    spec = agent_spec(agent.agent)
    return tuple(dict.fromkeys((spec.algorithm, spec.id, agent.name)))


def _make(module: Any, what: str, given: str | Mapping[str, Any], **defaults: Any) -> Any:
    arguments = {"name": given} if isinstance(given, str) else dict(given)
    name = arguments.pop("name", None)
    suffix = what.capitalize()
    known = [key for key in module.__all__ if key.endswith(suffix) and not key.startswith("Base")]
    if name not in known:
        raise ArenaError(f"tune.{what}={name!r}: Optuna has no such {what}{did_you_mean(str(name), known)} (it has: {', '.join(known)})")
    assert isinstance(name, str)
    accepted = inspect.signature(getattr(module, name)).parameters
    taken = {key: value for key, value in defaults.items() if key in accepted}
    try:
        return getattr(module, name)(**{**taken, **arguments})
    except (TypeError, ValueError, ImportError) as error:
        raise ArenaError(f"tune.{what}: {name} cannot be made: {error}") from error
