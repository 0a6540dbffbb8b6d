"""Experiments: agents x envs x seeds under one budget and one evaluation protocol, from a TOML file or the command line."""

import dataclasses
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from annotated_types import Ge, Gt, Le

from arena.environments import EnvConfig, check_pair
from arena.errors import ArenaError, did_you_mean
from arena.executors.base import ExecutorConfig
from arena.hyperparameters import Count, build_config
from arena.registry import agent_spec
from arena.spec import AgentSpec

Device = Annotated[str, pydantic.StringConstraints(pattern=r"^(auto|cpu|cuda(:\d+)?)$")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Budget:
    """When training ends: at the first of these."""

    env_steps: Count = 100_000
    """Never overrun."""
    seconds: Annotated[float, Gt(0)] | None = None
    """Wall seconds of training, without compilation and evaluation; checked every `log_period`."""
    target_return: float | None = None
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
    timeout_seconds: Annotated[float, Gt(0)] = 86_400.0
    """A worker that takes longer is ended, and its run has failed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AgentEntry:
    """An agent with settings, under a name of its own."""

    name: str
    """In folders and tables; the agent's id unless the file gives another."""
    agent: str
    """Id, or `package.module:SPEC`."""
    hyperparameters: Mapping[str, Any]
    """Resolved: every field of the agent's config."""


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
        del value["resources"]
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
    output: Path = Path("logs")
    """The experiment's folder is `output / name`."""
    seed: int = 0
    """Of the evaluation starts, and of all training streams together with the run's own seed."""
    budget: Budget = dataclasses.field(default_factory=Budget)
    evaluation: EvaluationProtocol = dataclasses.field(default_factory=EvaluationProtocol)
    checkpoint_period: int | None = None
    """Env steps; None means a quarter of the budget."""
    log_period: int | None = None
    """Env steps; None means a hundredth of the budget, at least 1,000."""
    resources: Resources = dataclasses.field(default_factory=Resources)
    executor: ExecutorConfig = dataclasses.field(default_factory=ExecutorConfig)

    @property
    def path(self) -> Path:
        """The experiment's folder."""
        return self.output / self.name

    def runs(self) -> Iterator[Run]:
        """Yields all runs, seeds outermost, so that every agent has some results early."""
        env_steps = self.budget.env_steps
        for seed in self.seeds:
            for env in self.envs:
                for agent in self.agents:
                    yield Run(
                        agent=agent,
                        env=env,
                        seed=seed,
                        experiment_seed=self.seed,
                        budget=self.budget,
                        evaluation=self.evaluation,
                        checkpoint_period=self.checkpoint_period or max(1, env_steps // 4),
                        log_period=self.log_period or min(env_steps, max(1_000, env_steps // 100)),
                        resources=self.resources,
                    )

    def check(self) -> None:
        """Refuses what cannot work before anything is trained.

        Raises:
            ArenaError: for the first impossible pair of agent and env.
        """
        for agent in self.agents:
            num_envs = agent.hyperparameters.get("num_envs", 1)
            if self.budget.env_steps < num_envs:
                raise ArenaError(
                    f"budget.env_steps={self.budget.env_steps} is less than one step of the {num_envs} environments of {agent.name!r}"
                )
            for env in self.envs:
                check_pair(agent_spec(agent.agent), env)


def resolve_agent(agent: str, table: Mapping[str, Any], *, name: str | None = None) -> AgentEntry:
    """Returns the entry of an agent with all hyperparameters filled in and checked.

    Args:
        agent: id or `package.module:SPEC`.
        table: hyperparameters that differ from the defaults.
        name: the entry's; the spec's id if None.

    Raises:
        ArenaError: on an unknown agent or a wrong hyperparameter.
    """
    spec = agent_spec(agent)
    config = build_config(spec.config, table, where=f"agent {spec.id!r}")
    entry_name = name or spec.id
    _check_name(entry_name, "agent name")
    return AgentEntry(name=entry_name, agent=agent, hyperparameters=dataclasses.asdict(config))


def from_toml(path: Path) -> Experiment:
    """Returns the experiment that a TOML file describes.

    Raises:
        ArenaError: if the file cannot be read or parsed (with the line), or anything in it is unknown or wrong.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ArenaError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ArenaError(f"{path} is not valid TOML: {error}") from error
    try:
        return from_table({"name": path.stem, **table})
    except ArenaError as error:
        raise ArenaError(f"{path}: {error}") from error


def from_table(table: Mapping[str, Any]) -> Experiment:
    """Returns the experiment that a table describes.

    Its keys are the fields of `Experiment`, where `agents` holds ids or tables `{agent, name, hyperparameters}`, `envs` ids or tables
    `{id, kwargs}`, and `seeds` a count or a list. Besides, `hyperparameters.<algorithm>` applies to every agent of that algorithm,
    `hyperparameters.<agent id>` to that agent, and an agent's own table comes last.

    Raises:
        ArenaError: on the first thing that is unknown or wrong.
    """
    known = {*(field.name for field in dataclasses.fields(Experiment)), "hyperparameters"}
    _check_keys(table, known, "")
    for required in ("agents", "envs"):
        if not isinstance(table.get(required), list) or not table[required]:
            raise ArenaError(f"{required} must be a list with at least one member")
    blocks = table.get("hyperparameters", {})
    if not isinstance(blocks, Mapping) or not all(isinstance(block, Mapping) for block in blocks.values()):
        raise ArenaError(f"hyperparameters={blocks!r} must be a table of tables, one for each algorithm or agent")
    agents = tuple(_agent_entry(value, blocks) for value in table["agents"])
    _check_blocks(blocks, agents)
    envs = tuple(_validated(EnvConfig, {"id": value} if isinstance(value, str) else value, "envs") for value in table["envs"])
    seeds = table.get("seeds", 1)
    plain = {key: value for key, value in table.items() if key not in {"agents", "envs", "seeds", "hyperparameters"}}
    for key, kind in (("budget", Budget), ("evaluation", EvaluationProtocol), ("resources", Resources), ("executor", ExecutorConfig)):
        if key in plain:
            plain[key] = _validated(kind, plain[key], key)
    plain["seeds"] = range(seeds) if isinstance(seeds, int) and not isinstance(seeds, bool) else seeds
    experiment: Experiment = _validated(Experiment, {**plain, "agents": agents, "envs": envs}, "")
    _check_name(experiment.name, "experiment name")
    _check_distinct([agent.name for agent in experiment.agents], "agents")
    _check_distinct([env.name for env in experiment.envs], "envs")
    _check_distinct([str(seed) for seed in experiment.seeds], "seeds")
    if not experiment.seeds or min(experiment.seeds) < 0:
        raise ArenaError(f"seeds={table.get('seeds')!r}: give a count of at least 1, or a list of numbers from 0")
    return experiment


def _agent_entry(value: Any, blocks: Mapping[str, Any]) -> AgentEntry:
    given = {"agent": value} if isinstance(value, str) else value
    if not isinstance(given, Mapping) or not isinstance(given.get("agent"), str):
        raise ArenaError(f"agents: {value!r} must be an id or a table with the key 'agent'")
    _check_keys(given, {"agent", "name", "hyperparameters"}, "agents: ")
    spec = agent_spec(given["agent"])
    own = given.get("hyperparameters", {})
    if not isinstance(own, Mapping):
        raise ArenaError(f"agents: hyperparameters={own!r} of {given['agent']!r} must be a table")
    merged: dict[str, Any] = {**blocks.get(spec.algorithm, {}), **blocks.get(spec.id, {}), **own}
    return resolve_agent(given["agent"], merged, name=given.get("name"))


def _check_blocks(blocks: Mapping[str, Any], agents: tuple[AgentEntry, ...]) -> None:
    specs = [agent_spec(agent.agent) for agent in agents]
    known = {spec.algorithm for spec in specs} | {spec.id for spec in specs}
    for name in blocks:
        if name not in known:
            raise ArenaError(f"hyperparameters.{name} names no algorithm or agent of this experiment{did_you_mean(name, known)}")


def _validated(kind: Any, value: Any, where: str) -> Any:
    if isinstance(value, Mapping) and dataclasses.is_dataclass(kind):
        _check_keys(value, {field.name for field in dataclasses.fields(kind)}, f"{where}: " if where else "")
    try:
        return pydantic.TypeAdapter(kind).validate_python(value)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in (where, *first["loc"]) if part != "")
        raise ArenaError(f"{name}={first['input']!r}: {first['msg']}") from error


def _check_keys(table: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise ArenaError(f"{where}unknown key {key!r}{did_you_mean(key, known)} (known: {', '.join(sorted(known))})")


def _check_name(name: str, what: str) -> None:
    if not name or name.startswith((".", "-")) or not all(character.isalnum() or character in "-_.+=," for character in name):
        raise ArenaError(f"{what} {name!r} must be letters, digits and '-_.+=,', so that it can name a folder")


def _check_distinct(names: list[str], what: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ArenaError(f"{what}: {name!r} appears twice; give each a name of its own")
