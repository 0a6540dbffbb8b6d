"""Inputs of a run: the agent with its hyperparameters, the environment, the seed, the budget, the evaluation protocol, the resources."""

import dataclasses
import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import pydantic
from annotated_types import Gt, Le
from pydantic_core import PydanticCustomError

from arena.agent.hyperparameters import Count, Positive, build_config
from arena.agent.registry import agent_spec, is_import_path
from arena.agent.spec import AgentSpec
from arena.environments.config import EnvConfig, RecordedEnv
from arena.environments.word import code_names, with_word
from arena.errors import ArenaError
from arena.formats.validation import Whole

_DEVICE = r"^(auto|cpu|cuda(:\d+)?)$"


def _device(value: str) -> str:
    if not re.fullmatch(_DEVICE, value, re.ASCII):
        raise PydanticCustomError("device", "give auto, cpu, cuda or cuda:N")
    return value


Device = Annotated[str, pydantic.AfterValidator(_device), pydantic.WithJsonSchema({"type": "string", "pattern": _DEVICE})]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Budget:
    """Limits of training; the first that is reached ends it."""

    env_steps: Count = 100_000
    """Largest number of env steps; never exceeded."""
    seconds: Positive | None = None
    """Wall seconds of training, without compilation and evaluation; checked every `log_period`."""
    target_return: Annotated[float, pydantic.AllowInfNan(False)] | None = None
    """Mean return over `target_episodes` episodes at which training stops."""
    target_episodes: Count = 100
    """Selection episodes over which `target_return` must be held; played only after a regular evaluation has reached it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationProtocol:
    """How policies are judged. Selection and final episodes begin from different seeds, which are the same for every agent."""

    period: Count = 10_000
    """Env steps between two selection evaluations."""
    episodes: Count = 20
    """Episodes of a selection evaluation."""
    final_episodes: Count = 100
    """Episodes of the final evaluation, on seeds that selection never used."""
    max_episode_steps: Count | None = None
    """Length at which an evaluation episode that the environment has not ended is cut; its return so far counts. None means no limit but
    the environment's own, and 10,000 where it has none."""
    num_envs: Count = 128
    """Max number of environments that exist at once in an evaluation: 1 for an environment of which there can be one."""
    keep: Literal["best", "last"] = "best"
    """Policy that the final evaluation judges: that of the best selection evaluation (the later of two equal ones), or the last."""
    keep_policies: Literal["all"] | Count | None = None
    """Policies that stay in `snapshots/` beside the judged one: those of `all` selection evaluations, or one for each period of so many
    env steps. None keeps none, unless the environment plays against them."""
    info_metrics: tuple[Annotated[str, pydantic.StringConstraints(min_length=1, pattern="^[^_]")], ...] = ()
    """Keys of `info`, such as `is_success`, whose last value in each evaluation episode is logged and reported."""
    images: bool = False
    """Whether the best and the median episode of the final evaluation are played again as pictures for TensorBoard."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resources:
    """What a run may use; a change of it does not change what the run computes."""

    workers: Whole = 0
    """Number of runs at a time; 0 means the number of cores divided by `threads`."""
    threads: Count = 1
    """Cores of each worker; its threads are bound to them."""
    env_workers: Whole = 0
    """Number of processes that step a run's environments, on its own cores, where a step takes milliseconds; 0 steps them in the worker.
    Environments that have a vector form of their own stay in the worker."""
    device: Device = "auto"
    """Device of the agent; `auto` takes a GPU if there is one that the framework can use."""
    gpu_share: Annotated[float, Gt(0), Le(1)] | None = None
    """Part of a GPU and of its memory for each run: 0.25 puts four on one. None distributes runs over the GPUs without a limit."""
    timeout_seconds: Positive = 86_400.0
    """Seconds after which a worker is ended and its run has failed."""
    stall_seconds: Positive = 600.0
    """Seconds without progress (an env step or reset, a call of the learner, an evaluation's step) after which a worker is ended and its
    run has failed; three times as many while it imports and builds, which may compile."""
    env_frameworks: tuple[str, ...] = ()
    """Top-level modules of frameworks that environments import (`jax`), beside those that their plug-ins declare."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AgentEntry:
    """An agent with settings, under a name of its own."""

    name: str
    """Name in folders and tables; the agent's id unless the experiment's file gives another."""
    agent: str
    """Agent id, or `package.module:SPEC`."""
    hyperparameters: Mapping[str, Any]
    """Value of every field of the agent's config."""
    resources: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Fields of `Resources` in which the agent's runs differ from the experiment's."""
    tuning: Mapping[str, Any] | None = None
    """Cost of the search that found the hyperparameters (`arena tune`); None if nothing is recorded."""
    init: str | None = None
    """Folder of a run whose latest checkpoint the agent begins from, or folder of its seeds; None begins from nothing."""

    def spec(self) -> AgentSpec:
        """Returns the agent's spec.

        Raises:
            ArenaError: if the agent is not installed.
        """
        return agent_spec(self.agent)

    def config(self) -> Any:
        """Returns the hyperparameters as an instance of the agent's config class.

        Raises:
            ArenaError: if the agent is not installed, does not have one of the hyperparameters, or does not take its value.
        """
        return build_config(self.spec().config, self.hyperparameters, where=f"agent {self.name!r}")

    def __eq__(self, other: object) -> bool:
        """Returns whether both are one agent with the same settings, whoever named it."""
        return isinstance(other, AgentEntry) and vars(self) == vars(other)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RecordedAgent(AgentEntry):
    """An agent as a run folder names it, which may be a stranger's: known by the id of an installed plug-in alone."""

    def spec(self) -> AgentSpec:
        """Returns the agent's spec.

        Raises:
            ArenaError: if the agent is not installed, or the folder names it by an import path: reading a folder imports nothing.
        """
        if is_import_path(self.agent):
            raise ArenaError(
                f"agent {self.name!r} of a run folder is {self.agent!r}, an import path, and nothing is imported because a folder names "
                "it; an experiment's file of yours can name it"
            )
        return agent_spec(self.agent)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """Inputs of one run, that of an agent on an environment with a seed: everything that decides what is computed."""

    __pydantic_config__: ClassVar = pydantic.ConfigDict(extra="forbid")

    agent: AgentEntry
    env: EnvConfig
    seed: Whole
    """Training seed."""
    experiment_seed: Whole
    """Experiment seed: it decides the initial states of evaluations, and, together with `seed`, all training streams."""
    budget: Budget
    evaluation: EvaluationProtocol
    checkpoint_period: Count
    """Env steps between two checkpoints; at each, all environments are reset."""
    log_period: Count
    """Env steps between two points of the training curves."""
    resources: Resources = dataclasses.field(default_factory=Resources)
    extended_from: tuple[Count, ...] = ()
    """Smaller budgets of env steps with which the run had ended before it was continued (`--extend`), in their order."""

    @property
    def name(self) -> str:
        """The run's folder, relative to the experiment's: `agent/env/seed-0`."""
        return f"{self.agent.name}/{self.env.name}/seed-{self.seed}"

    def inputs(self) -> dict[str, Any]:
        """Returns all that decides the outcome, as plain values: two runs with equal inputs are the same run."""
        value = dataclasses.asdict(self)
        for part in (value, value["agent"]):
            del part["resources"]
        del value["agent"]["tuning"]
        parts = value, value["agent"], *[value["evaluation"]] * 3
        for part, key in zip(parts, ("extended_from", "init", "keep_policies", "info_metrics", "images"), strict=True):
            if not part[key]:  # a run without it is what it was before there was the field
                del part[key]
        value["env"] = self.env.to_json()
        return value

    def code_names(self) -> tuple[str, ...]:
        """Returns what the run names that is not installed as a plug-in: import paths of its agent and env, and files."""
        return (*((self.agent.agent,) if is_import_path(self.agent.agent) else ()), *code_names(self.env))

    def recorded(self) -> Self:
        """Returns the run as data of a folder: its agent and its environment are known by ids of installed plug-ins alone."""
        agent, env = RecordedAgent(**vars(self.agent)), RecordedEnv(**vars(self.env))
        return dataclasses.replace(self, agent=agent, env=env)

    def with_word(self, allow: Collection[str]) -> Self:
        """Returns a recorded run whose agent and environment may be loaded where `allow` holds everything that they name."""
        agent = self.agent
        if not is_import_path(agent.agent) or agent.agent in allow:
            agent = AgentEntry(**vars(agent))
        return dataclasses.replace(self, agent=agent, env=with_word(self.env, allow))

    def spec(self) -> AgentSpec:
        """Returns the agent's spec; raises as `AgentEntry.spec`."""
        return self.agent.spec()

    def config(self) -> Any:
        """Returns the agent's hyperparameters as an instance of its config class; raises as `AgentEntry.config`."""
        return self.agent.config()
