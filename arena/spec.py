"""Agent specs: what the arena must know of an agent before it imports the agent's framework."""

import contextlib
import dataclasses
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from arena.errors import ArenaError
from arena.installation import install_command

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
    unneeded: frozenset[str] = frozenset()
    """Modules that the framework imports where it finds them, does without where it does not, and does not need here: they cost seconds."""
    device_iteration: Callable[[Any], int] = lambda _: 0
    """Env steps that an agent with this config takes at least, and together, inside its own compiled program (`arena.functional`); 0 where
    it steps the environment from outside."""
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
            with _hidden(self.unneeded):
                agent_class: type[Agent] = getattr(importlib.import_module(module_name), class_name)
        except ModuleNotFoundError as error:
            remedy = f"name {error.name!r} in its spec's modules" if error.name in _refused else self.install_command(self.config())
            raise ArenaError(f"agent {self.id!r} cannot be imported: {error}; {remedy}") from error
        return agent_class

    def install_command(self, config: Any) -> str:
        """Returns the sentence that says how to install what an agent with this config needs."""
        extra = self.extra(config) if callable(self.extra) else self.extra
        return install_command(extra) if extra else f"install the package of {self.entry_point!r}"


_refused: set[str] = set()


class _Without:
    """A finder that does not find the refused frameworks."""

    def __init__(self, finder: Any) -> None:
        self._finder = finder

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        return None if name in _refused else self._finder.find_spec(name, path, target)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._finder, name)


def refuse_other_frameworks(allowed: frozenset[str]) -> None:
    """Makes every framework but the `allowed` modules look as if it were not installed, in this process, from now on.

    TensorFlow, Keras and RLlib import each other, and JAX, wherever they find them; their switches exclude each other, and each
    import costs seconds. All of them go without what they do not find. What has been imported already stays.
    """
    _refuse(FRAMEWORK_MODULES - allowed)


@contextlib.contextmanager
def _hidden(modules: frozenset[str]) -> Iterator[None]:
    """Makes modules look as if they were not installed; from then on, an environment may import them as ever."""
    hidden = modules - _refused
    _refuse(hidden)
    try:
        yield
    finally:
        _refused.difference_update(hidden)


def _refuse(modules: frozenset[str]) -> None:
    # None in sys.modules would do it as well, but SciPy takes what stands there for the module (array_api_compat's helpers).
    if not any(isinstance(finder, _Without) for finder in sys.meta_path):
        sys.meta_path[:] = [_Without(finder) for finder in sys.meta_path]
    _refused.update(modules)
