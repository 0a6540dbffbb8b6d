"""Agent specs: what the arena must know of an agent before it imports the agent's framework."""

import dataclasses
import importlib
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from arena.errors import ArenaError

if TYPE_CHECKING:
    from arena.agent import Agent

Determinism = Literal["bitwise", "none"]

FRAMEWORK_MODULES = frozenset(
    {"tensorflow", "tf_agents", "tf_keras", "tensorflow_probability", "torch", "ray", "keras", "jax", "rl", "stable_baselines3"}
)
"""Top-level modules of frameworks: a worker may import those that its spec names, and no other."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AgentSpec:
    """Plain data about one agent. The module that defines it imports no framework.

    `process_env` and `modules` may be functions of the config where they depend on it (a Keras backend, say).
    """

    id: str
    """Unique, lower case with `-`: `keras-dqn`. Used in file names."""
    entry_point: str
    """`package.module:Class` of the `Agent`, imported in the worker alone."""
    config: type
    """Frozen dataclass of hyperparameters, all with defaults."""
    framework: str
    """Name for people: `TF-Agents`, `RLlib`, `Keras`."""
    algorithm: str
    """Name for people and for shared hyperparameters: `dqn`, `ppo`."""
    modules: frozenset[str] | Callable[[Any], frozenset[str]]
    """The members of `FRAMEWORK_MODULES` that the worker may import."""
    distributions: tuple[str, ...]
    """The PyPI distributions whose versions a run records."""
    action_spaces: frozenset[str] = frozenset({"discrete"})
    """Of `discrete`, `box`."""
    observation_spaces: frozenset[str] = frozenset({"flat"})
    """Of `flat` (one axis; Discrete arrives one-hot) and `image` (`[H, W, C]`)."""
    action_masks: bool = False
    """Whether it trains and acts on observations that carry an action mask (`arena.spaces.MaskedBox`), on allowed actions alone."""
    process_env: Mapping[str, str] | Callable[[Any], Mapping[str, str]] = dataclasses.field(default_factory=dict)
    """Environment variables that must be set before the first import."""
    determinism: Determinism = "bitwise"
    """`bitwise`: on one machine and CPU the same seed gives the same episodes, also after a resume."""
    extra: str | Callable[[Any], str] | None = None
    """The extra of `arena-rl` that installs the framework; None where nothing is needed. May be a function of the config."""

    def modules_for(self, config: Any) -> frozenset[str]:
        """Returns the framework modules that a worker with this config may import."""
        return self.modules(config) if callable(self.modules) else self.modules

    def process_env_for(self, config: Any) -> dict[str, str]:
        """Returns the environment variables that a worker with this config needs."""
        return dict(self.process_env(config) if callable(self.process_env) else self.process_env)

    def load(self) -> "type[Agent]":
        """Imports the agent class, and with it the framework.

        Raises:
            ArenaError: if the framework is missing; says how to install it.
        """
        module_name, _, class_name = self.entry_point.partition(":")
        try:
            agent_class: type[Agent] = getattr(importlib.import_module(module_name), class_name)
        except ModuleNotFoundError as error:
            raise ArenaError(f"agent {self.id!r} cannot be imported: {error}; {self.install_command(self.config())}") from error
        return agent_class

    def install_command(self, config: Any) -> str:
        """Returns the sentence that says how to install what an agent with this config needs."""
        extra = self.extra(config) if callable(self.extra) else self.extra
        return f"pip install 'arena-rl[{extra}]'" if extra else f"install the package of {self.entry_point!r}"


def refuse_other_frameworks(allowed: frozenset[str]) -> None:
    """Makes importing any framework but the `allowed` modules fail, in this process, as if it were not installed.

    TensorFlow, Keras and RLlib import each other, and JAX, wherever they find them; their switches exclude each other, and each
    import costs seconds. All of them go without what they do not find.
    """
    for name in FRAMEWORK_MODULES - allowed - set(sys.modules):
        sys.modules[name] = None  # type: ignore[assignment]  # documented: docs.python.org/3/reference/import.html#the-module-cache
