"""The plug-ins that bring environments: entry points of the group `gymnasium.envs`, called at the first use of an environment.

Gymnasium itself stopped reading this group in 1.0 (its release notes, "Removing the plugin system"). The arena still does, so that the
environments of installed packages are known by their id alone.
"""

import dataclasses
import functools
import importlib
import importlib.metadata
import importlib.util
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import VectorEnv

ENTRY_POINT_GROUP = "gymnasium.envs"
REGISTERED_BY: Mapping[str, str] = {
    "ALE/": "ale_py",
    "BabyAI-": "minigrid",
    "MinAtar/": "minatar.gym:register_envs",
    "MiniGrid-": "minigrid",
}
"""Module that registers environments when it is imported, or function of one that does, by the beginning of their ids. These packages bring
no plug-in, or one that takes seconds to import (MinAtar's imports pandas and seaborn), and are imported for an id of theirs alone."""

Vectorize = Callable[[gym.Env[Any, Any], int, gym.Space[Any], gym.Space[Any]], VectorEnv[Any, Any, Any] | None]
"""`vectorize(env, num_envs, observation_space, action_space)` returns a vector environment of the arena's spaces that does what `num_envs`
copies of `env` do, or None if it knows none."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvPlugin:
    """What an entry point of the group `gymnasium.envs` may return, besides registering environments; most return nothing."""

    vectorize: Vectorize | None = None
    """Function that makes faster vector environments of environments that it knows."""
    imported_first: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Module to import before an environment is made, by the first part of the environment's entry point."""
    judged_with: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    """Keyword arguments with which a policy trained on an environment is judged, by its id, where its own episodes reward a fault."""
    presets: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Import paths of wrappers (`package.module:Class`) by the name under which an experiment's `wrappers` have them."""
    games: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Import paths (`package.module:Class`) of classes that play many games at once as arrays (`arena.environments.game_batch.GameBatch`),
    by the id of the game; called with the number of games."""
    frameworks: Mapping[str, frozenset[str]] = dataclasses.field(default_factory=dict)
    """Top-level modules of frameworks that environments import (`jax`), by the first part of the environment's id (`phys2d/`)."""


OWN_DISTRIBUTION = "arena-rl"
"""Distribution whose plug-in is the arena's own."""


@functools.cache
def own_plugin() -> EnvPlugin | None:
    """Calls the plug-in that comes with the arena, and nobody else's code; None if the arena is not installed."""
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        if entry_point.dist is not None and entry_point.dist.name == OWN_DISTRIBUTION:
            plugin = entry_point.load()()
            return plugin if isinstance(plugin, EnvPlugin) else None
    return None


@functools.cache
def plugins() -> tuple[EnvPlugin, ...]:
    """Calls all plug-ins, once in a process; returns what they offer. One that fails is left out with a warning."""
    found = []
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        if entry_point.value in REGISTERED_BY.values():
            continue
        try:
            plugin = entry_point.load()()
        except Exception as error:  # another package's code: its failure must not keep ours from working
            warnings.warn(f"environments of {entry_point.value!r} are missing: {error!r}", stacklevel=2)
        else:
            found += [plugin] if isinstance(plugin, EnvPlugin) else []
    return tuple(found)


def registered_ids(*, everything: bool = False) -> list[str]:
    """Returns the ids of all registered environments, sorted, those of plug-ins included.

    Args:
        everything: Whether the packages of `REGISTERED_BY` are imported first, those that are installed; this takes seconds.
    """
    plugins()
    for prefix in REGISTERED_BY if everything else ():
        _register(prefix)
    return sorted(gym.registry)


def registering_package(env_id: str) -> str:
    """Returns the package that registers an id, by the id's beginning; empty for an id of any other."""
    return next((source.partition(".")[0] for prefix, source in REGISTERED_BY.items() if env_id.startswith(prefix)), "")


def _register(env_id: str) -> None:
    """Lets the package that registers an id do so, if it is known and installed."""
    for prefix, source in REGISTERED_BY.items():
        if env_id.startswith(prefix) and importlib.util.find_spec(source.partition(".")[0]) is not None:
            _call(source)


@functools.cache
def _call(source: str) -> None:
    """Imports a module and calls the function of it that is named, once in a process."""
    module, _, function = source.partition(":")
    imported = importlib.import_module(module)
    if function:
        getattr(imported, function)()


def registered_spec(env_id: str) -> EnvSpec | None:
    """Returns what Gymnasium knows of `env_id`, an environment of a plug-in included; None if it is not registered."""
    plugins()
    if env_id not in gym.registry:
        _register(env_id)
    return gym.registry.get(env_id)


def declared_frameworks(env_id: str) -> frozenset[str]:
    """Returns the framework modules that plug-ins declare for an environment, whose id may be `module:id`; none if nobody declares any."""
    registered = env_id.rpartition(":")[2]
    declared = (item for plugin in plugins() for item in plugin.frameworks.items())
    return frozenset().union(*(modules for prefix, modules in declared if registered.startswith(prefix)))


def judged_with(env_id: str) -> dict[str, Any]:
    """Returns the keyword arguments with which policies of an environment are judged besides its own; none for most."""
    registered = env_id.rpartition(":")[2]
    found: dict[str, Any] = {}
    for plugin in plugins():
        found.update(plugin.judged_with.get(registered, {}))
    return found


def prepare(env_id: str) -> None:
    """Imports what plug-ins want imported before the environment `env_id` is made."""
    spec = registered_spec(env_id)
    if spec is None or not isinstance(spec.entry_point, str):
        return
    for plugin in plugins():
        for prefix, module in plugin.imported_first.items():
            if spec.entry_point.startswith(prefix):
                importlib.import_module(module)
