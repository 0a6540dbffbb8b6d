"""Finds agent specs: entry points of the group `arena.agents`, or `package.module:SPEC` for one that is not installed as a plug-in."""

import functools
import importlib
import importlib.metadata

from arena.agent.spec import AgentSpec
from arena.errors import ArenaError, did_you_mean, how_to_find

ENTRY_POINT_GROUP = "arena.agents"


@functools.cache
def _entry_points() -> dict[str, importlib.metadata.EntryPoint]:
    return {entry_point.name: entry_point for entry_point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)}


def agent_ids() -> list[str]:
    """Returns the ids of all installed agents, sorted."""
    return sorted(_entry_points())


def agent_spec(name: str) -> AgentSpec:
    """Returns the spec of agent `name`: an id (`keras-dqn`) or `package.module:SPEC`.

    Raises:
        ArenaError: if there is no such agent, or its package breaks the rules; names the near one.
    """
    if is_import_path(name):
        return _from_path(name)
    entry_point = _entry_points().get(name)
    if entry_point is None:
        raise ArenaError(f"no agent {name!r}{did_you_mean(name, _entry_points())} (arena list agents)")
    try:
        spec = entry_point.load()
    except (ImportError, AttributeError) as error:
        raise ArenaError(f"agent {name!r} cannot be loaded from {entry_point.value!r}: {error}; reinstall its package") from error
    if not isinstance(spec, AgentSpec) or spec.id != name:
        raise ArenaError(f"entry point {entry_point.value!r} must be an AgentSpec with id {name!r}, found {spec!r}")
    return spec


def is_import_path(name: str) -> bool:
    """Returns whether `name` is written as `package.module:SPEC`, which `agent_spec` imports, and not as an id."""
    return ":" in name


def _from_path(path: str) -> AgentSpec:
    module_name, _, attribute = path.partition(":")
    try:
        spec = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ArenaError(f"no agent spec at {path!r}: {error} (expected package.module:SPEC){how_to_find(module_name)}") from error
    if not isinstance(spec, AgentSpec):
        raise ArenaError(f"{path!r} is a {type(spec).__name__}, expected an arena.agent.spec.AgentSpec")
    return spec
