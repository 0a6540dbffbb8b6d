"""Experiments: agents x envs x seeds under one evaluation protocol. `arena.experiment.file` reads them from TOML."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Interval

from arena.agent.hyperparameters import Count
from arena.environments.config import EnvConfig
from arena.executors.base import ExecutorConfig
from arena.run_folder.inputs import AgentEntry, Budget, EvaluationProtocol, Resources, Run


@dataclasses.dataclass(frozen=True, kw_only=True)
class UntilDecided:
    """Rule by which `seeds = "until-decided"` adds seeds in groups until the ranking is settled (see `arena.experiment.until_decided`)."""

    group_size: Annotated[int, Ge(2)] = 5
    """Number of seeds that every agent gets between two looks at the scores, as long as it is still compared."""
    max_seeds: Annotated[int, Ge(2)] = 20
    """Largest number of seeds of an agent, a multiple of `group_size`; a pair that is undecided there stays undecided."""
    alpha: Annotated[float, Interval(gt=0.0, lt=0.5)] = 0.05
    """Bound on the probability of any wrong claim, over all pairs and all looks together."""
    equal_within: Annotated[float, Interval(gt=0.0, lt=0.5)] | None = None
    """Distance from an even chance within which two agents count as equal and need no more seeds; None if no pair is declared equal."""

    def __post_init__(self) -> None:
        if self.max_seeds % self.group_size:
            raise ValueError(f"max_seeds={self.max_seeds} must be a multiple of group_size={self.group_size}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvSettings:
    """Settings of one environment."""

    budget: Budget | None = None
    """Budget of the runs on this environment; None means the experiment's."""
    hyperparameters: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    """Value of every hyperparameter, by agent name; an agent that is missing here has the same values as everywhere."""
    tuning: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    """Origin of settings that were tuned for this environment, by agent name; an agent that is missing here has the same as everywhere."""
    frameworks: tuple[str, ...] = ()
    """Top-level modules of frameworks that this environment imports (`jax`), beside those that its plug-in declares."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """A question: which of these agents is better on these environments, over these seeds?"""

    name: str
    """Name of the experiment, and of its folder."""
    agents: tuple[AgentEntry, ...]
    envs: tuple[EnvConfig, ...]
    seeds: tuple[int, ...]
    """Training seeds; with `until_decided`, those of the first group."""
    output: Path = Path("logs")
    """Folder that holds the experiment's folder."""
    seed: int = 0
    """Experiment seed: it decides the initial states of evaluations, and, together with a run's own seed, all training streams."""
    budget: Budget = dataclasses.field(default_factory=Budget)
    evaluation: EvaluationProtocol = dataclasses.field(default_factory=EvaluationProtocol)
    checkpoint_period: Count | None = None
    """Env steps between two checkpoints; None means a quarter of the budget."""
    log_period: Count | None = None
    """Env steps between two points of the training curves; None means a hundredth of the budget, and at least 1,000."""
    resources: Resources = dataclasses.field(default_factory=Resources)
    executor: ExecutorConfig = dataclasses.field(default_factory=ExecutorConfig)
    until_decided: UntilDecided | None = None
    """Rule by which seeds are added; None means that there are just the `seeds`."""
    env_settings: Mapping[str, EnvSettings] = dataclasses.field(default_factory=dict)
    """Settings by the environment's name; an environment that is missing here has none of its own."""

    @property
    def path(self) -> Path:
        """The experiment's folder."""
        return self.output / self.name

    def runs(self) -> Iterator[Run]:
        """Yields all runs, seeds outermost, so that every agent has some results early."""
        for seed in self.seeds:
            for env in self.envs:
                for agent in self.agents:
                    yield self._run(agent, env, seed)

    def pairs(self) -> Iterator[Run]:
        """Yields one run, of the first seed, for each pair of agent and environment."""
        for env in self.envs:
            for agent in self.agents:
                yield self._run(agent, env, self.seeds[0])

    def _run(self, agent: AgentEntry, env: EnvConfig, seed: int) -> Run:
        settings = self.env_settings.get(env.name, EnvSettings())
        budget = settings.budget or self.budget
        hyperparameters = settings.hyperparameters.get(agent.name, agent.hyperparameters)
        return Run(
            agent=dataclasses.replace(agent, hyperparameters=hyperparameters, tuning=settings.tuning.get(agent.name, agent.tuning)),
            env=env,
            seed=seed,
            experiment_seed=self.seed,
            budget=budget,
            evaluation=self.evaluation,
            checkpoint_period=self.checkpoint_period or max(1, budget.env_steps // 4),
            log_period=self.log_period or min(budget.env_steps, max(1_000, budget.env_steps // 100)),
            resources=dataclasses.replace(
                self.resources, **agent.resources, env_frameworks=(*self.resources.env_frameworks, *settings.frameworks)
            ),
        )
