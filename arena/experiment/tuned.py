"""Tuned settings: for each agent and environment those with which it was measured, in the files of `configs/zoo`.

A file is for one environment. Settings stand there by algorithm, and by agent for what an agent has otherwise; an agent's scores come from
`scripts/benchmark.py zoo`, which trains it with them and writes the file again.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pydantic
from annotated_types import Len

from arena.agent.hyperparameters import Count
from arena.agent.registry import agent_spec
from arena.environments.config import EnvConfig, WrapperConfig
from arena.errors import ArenaError, did_you_mean
from arena.experiment.bundled import zoo_files
from arena.formats.toml import read_toml
from arena.formats.validation import Finite, sentence, validate

TUNED = "tuned"
"""Value of `hyperparameters` that asks for tuned settings."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """What an agent reached with its tuned settings."""

    __pydantic_config__: ClassVar = pydantic.ConfigDict(extra="forbid")

    scores: Annotated[tuple[Finite, ...], Len(1)]
    """Mean return of each run's final evaluation, of the training seeds 0, 1, …"""
    train_seconds: Finite
    """Median wall seconds of training."""
    commit: str
    """Commit of this repository with which it was measured."""

    @property
    def mean(self) -> float:
        """Mean of the scores."""
        return sum(self.scores) / len(self.scores)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ZooAgent:
    """One agent in a file of tuned settings."""

    __pydantic_config__: ClassVar = pydantic.ConfigDict(extra="forbid")

    found: str
    """Words that say how the settings were found."""
    env_steps: Count
    """Budget of a run."""
    evaluation_period: Count = 10_000
    """Env steps between two selection evaluations; the best policy of them is judged."""
    hyperparameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Values beyond those of the agent's algorithm."""
    measured: Measured | None = None
    """Scores; None for settings that have not been measured, which nobody gets."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ZooFile:
    """The tuned settings for one environment."""

    __pydantic_config__: ClassVar = pydantic.ConfigDict(extra="forbid")

    env: str
    """Id of the environment, which is made without arguments."""
    agents: Mapping[str, ZooAgent]
    """Agents by id."""
    hyperparameters: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    """Values by algorithm."""
    wrappers: tuple[str, ...] = ()
    """Wrappers around the environment, without arguments, the innermost first."""

    @property
    def config(self) -> EnvConfig:
        """The environment with its wrappers."""
        return EnvConfig(self.env, wrappers=tuple(map(WrapperConfig, self.wrappers)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class TunedSettings:
    """The measured settings of one agent on one environment."""

    agent: str
    """Id of the agent."""
    env: str
    """Name of the environment: its id, and its wrappers if it has some."""
    hyperparameters: Mapping[str, Any]
    """Values that differ from the agent's defaults."""
    entry: ZooAgent
    """What the file says of the agent."""
    measured: Measured
    """What the agent reached."""

    @property
    def record(self) -> dict[str, Any]:
        """What `run.json` and reports say of the settings' origin."""
        scores = self.measured.scores
        return {
            "settings": TUNED,
            "found": self.entry.found,
            "score": round(self.measured.mean, 3),
            "seeds": len(scores),
            "env_steps": self.entry.env_steps,
            "commit": self.measured.commit,
        }


def tuned_settings(agent: str, env: EnvConfig) -> TunedSettings:
    """Returns the settings with which an agent was measured on an environment.

    Args:
        agent: id of the agent.
        env: the environment.

    Raises:
        ArenaError: if there are none; names what there is.
    """
    path = zoo_files().get(dataclasses.replace(env, label=None).name)
    file = None if path is None else read_zoo_file(path)
    if file is None or file.config != env:
        if not env.is_plain:
            raise ArenaError(
                f"tuned settings are for environments without arguments and wrappers, or with the wrappers that they were tuned with; "
                f"{env.name} is none of them (arena list tuned)"
            )
        raise ArenaError(_none_for_env(env.id))
    found = {settings.agent: settings for settings in _settings(file)}
    if agent not in found:
        near = did_you_mean(agent, found)
        raise ArenaError(f"no tuned settings of {agent!r} for {env.id!r}{near} (there are some of: {', '.join(found) or 'none'})")
    return found[agent]


def all_tuned() -> list[TunedSettings]:
    """Returns all tuned settings, by environment and agent."""
    files = [read_zoo_file(path) for _, path in sorted(zoo_files().items())]
    return [settings for file in files for settings in _settings(file)]


def read_zoo_file(path: Path) -> ZooFile:
    """Returns the tuned settings in a file, measured or not.

    Raises:
        ArenaError: if the file cannot be read, or anything in it is unknown or wrong.
    """
    try:
        file: ZooFile = validate(ZooFile, read_toml(path))
    except OSError as error:
        raise ArenaError(f"cannot read {path}: {error.strerror}") from error
    except pydantic.ValidationError as error:
        raise ArenaError(f"{path}: {sentence(error)}") from error
    return file


def zoo_hyperparameters(file: ZooFile, agent: str, algorithm: str) -> dict[str, Any]:
    """Returns an agent's tuned values: those of its algorithm, and its own over them."""
    return {**file.hyperparameters.get(algorithm, {}), **file.agents[agent].hyperparameters}


def _settings(file: ZooFile) -> Sequence[TunedSettings]:
    found = []
    for agent, entry in sorted(file.agents.items()):
        if entry.measured is not None:
            values = zoo_hyperparameters(file, agent, agent_spec(agent).algorithm)
            found.append(TunedSettings(agent=agent, env=file.config.name, hyperparameters=values, entry=entry, measured=entry.measured))
    return found


def _none_for_env(env_id: str) -> str:
    known = [file.config.name for file in map(read_zoo_file, zoo_files().values()) if any(agent.measured for agent in file.agents.values())]
    return f"no tuned settings for {env_id!r}{did_you_mean(env_id, known)} (there are some for: {', '.join(sorted(known)) or 'none'})"
