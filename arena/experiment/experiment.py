"""Experiments: agents x envs x seeds under one evaluation protocol. `arena.experiment.file` reads them from TOML."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from annotated_types import Ge, Gt, Interval, Le

from arena.agent.hyperparameters import Count, Positive, build_config
from arena.agent.registry import agent_spec
from arena.agent.spec import AgentSpec
from arena.environments.make import EnvConfig
from arena.errors import ArenaError
from arena.executors.base import ExecutorConfig
from arena.experiment.compatibility import check_pair

Device = Annotated[str, pydantic.StringConstraints(pattern=r"^(auto|cpu|cuda(:\d+)?)$")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Budget:
    """When training ends: at the first of these."""

    env_steps: Count = 100_000
    """Never overrun."""
    seconds: Positive | None = None
    """Wall seconds of training, without compilation and evaluation; checked every `log_period`."""
    target_return: Annotated[float, pydantic.AllowInfNan(False)] | None = None
    """Stop once the mean return of an evaluation over `target_episodes` is at least this."""
    target_episodes: Count = 100
    """Selection episodes over which `target_return` must be held; played only after a regular evaluation has reached it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationProtocol:
    """How policies are judged. Selection and final episodes start from different seeds, the same for every agent."""

    period: Count = 10_000
    """Env steps between two selection evaluations."""
    episodes: Count = 20
    """Episodes of a selection evaluation."""
    final_episodes: Count = 100
    """Episodes of the final evaluation, on seeds that selection never used."""
    max_episode_steps: Count = 100_000
    """An evaluation episode that the environment does not end by then is cut there, with what it has returned."""
    keep: Literal["best", "last"] = "best"
    """Which policy is judged: that of the best selection evaluation (of equals the later), or the last."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resources:
    """What a run may use; changing it does not change what a run computes."""

    workers: Annotated[int, Ge(0)] = 0
    """Runs at a time; 0 means cores divided by `threads`."""
    threads: Count = 1
    """Cores of each worker: its threads are bound to them."""
    device: Device = "auto"
    """`auto` takes a GPU where there is one that the framework can use."""
    gpu_share: Annotated[float, Gt(0), Le(1)] | None = None
    """Part of a GPU, and of its memory, for each run: 0.25 puts four on one. None deals runs out over the GPUs without a limit."""
    timeout_seconds: Positive = 86_400.0
    """A worker that takes longer is ended, and its run has failed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class UntilDecided:
    """How `seeds = "until-decided"` adds seeds: in groups, until the ranking is settled (see `arena.experiment.until_decided`)."""

    group_size: Annotated[int, Ge(2)] = 5
    """Seeds added to every agent still compared, between two looks at the scores."""
    max_seeds: Annotated[int, Ge(2)] = 20
    """The most that an agent gets, a multiple of `group_size`; a pair that is undecided then stays so."""
    alpha: Annotated[float, Interval(gt=0.0, lt=0.5)] = 0.05
    """Bound on the probability of any wrong claim, over all pairs and all looks together."""

    def __post_init__(self) -> None:
        if self.max_seeds % self.group_size:
            raise ValueError(f"max_seeds={self.max_seeds} must be a multiple of group_size={self.group_size}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AgentEntry:
    """An agent with settings, under a name of its own."""

    name: str
    """In folders and tables; the agent's id unless the file gives another."""
    agent: str
    """Id, or `package.module:SPEC`."""
    hyperparameters: Mapping[str, Any]
    """Resolved: every field of the agent's config."""
    resources: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Fields of `Resources` in which its runs differ from the experiment's."""
    tuning: Mapping[str, Any] | None = None
    """What was spent on finding the hyperparameters (`arena tune`); None where nobody said."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvSettings:
    """What one environment has of its own."""

    budget: Budget | None = None
    """None: the experiment's."""
    hyperparameters: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    """By agent name, resolved; an agent that is missing here has its own everywhere."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One agent x env x seed: everything that decides what is computed."""

    agent: AgentEntry
    env: EnvConfig
    seed: int
    experiment_seed: int
    budget: Budget
    evaluation: EvaluationProtocol
    checkpoint_period: int
    """Env steps between two checkpoints; at each, all environments are reset."""
    log_period: int
    """Env steps between two points of the curves."""
    resources: Resources = dataclasses.field(default_factory=Resources)

    @property
    def name(self) -> str:
        """The run's folder below the experiment's."""
        return f"{self.agent.name}/{self.env.name}/seed-{self.seed}"

    def inputs(self) -> dict[str, Any]:
        """Returns all that decides the outcome, fit for JSON: two runs with equal inputs are the same run."""
        value = dataclasses.asdict(self)
        for part in (value, value["agent"]):
            del part["resources"]
        del value["agent"]["tuning"]
        return value

    @classmethod
    def from_inputs(cls, inputs: Mapping[str, Any], resources: Mapping[str, Any]) -> "Run":
        """Reverses `inputs` after a way through JSON."""
        run: Run = pydantic.TypeAdapter(cls).validate_python({**inputs, "resources": resources})
        return run

    def spec(self) -> AgentSpec:
        """Returns the agent's spec."""
        return agent_spec(self.agent.agent)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """A question: which of these agents is better on these environments, over these seeds?"""

    name: str
    agents: tuple[AgentEntry, ...]
    envs: tuple[EnvConfig, ...]
    seeds: tuple[int, ...]
    """With `until_decided`, those of the first group."""
    output: Path = Path("logs")
    """The experiment's folder is `output / name`."""
    seed: int = 0
    """Of the evaluation starts, and of all training streams together with the run's own seed."""
    budget: Budget = dataclasses.field(default_factory=Budget)
    evaluation: EvaluationProtocol = dataclasses.field(default_factory=EvaluationProtocol)
    checkpoint_period: Count | None = None
    """Env steps; None means a quarter of the budget."""
    log_period: Count | None = None
    """Env steps; None means a hundredth of the budget, at least 1,000."""
    resources: Resources = dataclasses.field(default_factory=Resources)
    executor: ExecutorConfig = dataclasses.field(default_factory=ExecutorConfig)
    until_decided: UntilDecided | None = None
    """None: just the `seeds`."""
    env_settings: Mapping[str, EnvSettings] = dataclasses.field(default_factory=dict)
    """By the environment's name; one that is missing here has nothing of its own."""

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

    def _run(self, agent: AgentEntry, env: EnvConfig, seed: int) -> Run:
        settings = self.env_settings.get(env.name, EnvSettings())
        budget = settings.budget or self.budget
        hyperparameters = settings.hyperparameters.get(agent.name, agent.hyperparameters)
        return Run(
            agent=dataclasses.replace(agent, hyperparameters=hyperparameters),
            env=env,
            seed=seed,
            experiment_seed=self.seed,
            budget=budget,
            evaluation=self.evaluation,
            checkpoint_period=self.checkpoint_period or max(1, budget.env_steps // 4),
            log_period=self.log_period or min(budget.env_steps, max(1_000, budget.env_steps // 100)),
            resources=dataclasses.replace(self.resources, **agent.resources),
        )

    def check(self) -> None:
        """Refuses what cannot work before anything is trained.

        Raises:
            ArenaError: for the first impossible pair of agent and env.
        """
        for run in dataclasses.replace(self, seeds=self.seeds[:1]).runs():
            num_envs = run.agent.hyperparameters.get("num_envs", 1)
            if run.budget.env_steps < num_envs:
                raise ArenaError(
                    f"budget.env_steps={run.budget.env_steps} is less than one step of the {num_envs} environments of {run.agent.name!r}"
                )
            spec = run.spec()
            config = build_config(spec.config, run.agent.hyperparameters, where=f"agent {run.agent.name!r}")
            if run.budget.env_steps < (iteration := spec.device_iteration(config)):
                raise ArenaError(
                    f"budget.env_steps={run.budget.env_steps} is less than one iteration of {run.agent.name!r} on the device: "
                    f"{iteration} env steps"
                )
            check_pair(spec, run.env, config)
