"""Agent specs: everything that the arena must know of an agent before it imports the agent's framework."""

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from arena.agent import isolation
from arena.errors import ArenaError, HiddenModule
from arena.machine.installation import install_command

if TYPE_CHECKING:
    from arena.agent.interface import Agent

Determinism = Literal["bitwise", "none"]


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
    """Kinds of actions that the agent can take: `discrete`, `choices` (several at once, of more combinations than are counted), `box`."""
    observation_spaces: frozenset[str] = frozenset({"flat"})
    """Kinds of observations that the agent takes: `flat` (one axis; Discrete arrives one-hot), `image` (`[H, W, C]`), `mixed` (an image and
    numbers behind it, `arena.environments.spaces.ImageAndNumbers`)."""
    action_masks: bool = False
    """Whether the agent takes observations that carry an action mask (`arena.environments.spaces.MaskedBox`), and then trains and acts on
    allowed actions alone."""
    process_env: Mapping[str, str] | Callable[[Any], Mapping[str, str]] = dataclasses.field(default_factory=dict)
    """Environment variables that must be set before the first import."""
    unneeded: frozenset[str] = frozenset()
    """Modules that are hidden while the agent is imported: its framework imports them if it finds them, but needs them for nothing here."""
    warm_imports: tuple[str, ...] = ()
    """Modules that the agent imports only when it is built, which a server of warm workers imports beforehand."""
    device_iteration: Callable[[Any], int] = lambda _: 0
    """Env steps of one iteration of the agent's own compiled program (`arena.environments.jax_functions`), by its config; 0 if the agent
    steps the environment from outside."""
    determinism: Determinism = "bitwise"
    """`bitwise`: on one machine and CPU the same seed gives the same episodes, also after a resume."""
    extra: str | Callable[[Any], str] | None = None
    """Extra of `arena-rl` that installs the framework, which may depend on the config; None if nothing is needed."""

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
            with isolation.hidden(self.unneeded):
                agent_class: type[Agent] = getattr(importlib.import_module(module_name), class_name)
        except ModuleNotFoundError as error:
            if isinstance(error, HiddenModule):
                raise ArenaError(
                    f"agent {self.id!r} imports {error.name!r}, which its worker hides; name it in the spec's modules"
                ) from error
            raise ArenaError(f"agent {self.id!r} cannot be imported: {error}; {self.install_command(self.config())}") from error
        return agent_class

    def install_command(self, config: Any) -> str:
        """Returns the sentence that says how to install what an agent with this config needs."""
        extra = self.extra_for(config)
        return install_command(extra) if extra else f"install the package of {self.entry_point!r}"

    def extra_for(self, config: Any) -> str | None:
        """Returns the extra of `arena-rl` that an agent with this config needs, or None."""
        return self.extra(config) if callable(self.extra) else self.extra
