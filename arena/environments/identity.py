"""Identity of an environment: which code, of which package in which version, stands behind an id.

An id is only a name: a plug-in can register another environment under it, and a package's next version can change the rewards. The identity
is read off an environment that was made already, so that nothing more is imported.
"""

import functools
import hashlib
import importlib.metadata
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym

from arena.environments.common_form import CommonForm
from arena.environments.plugins import ENTRY_POINT_GROUP
from arena.errors import ArenaError

MAX_TOLD = 3
"""Number of changes that the error about a changed environment names."""
NOT_COMPARED = frozenset({"stepped_by"})
"""Parts of an identity that make no other environment of it: an array form equals the environment to the last bit."""
MAX_SPACE_CHARACTERS = 300
"""Largest number of characters of a space's description that is kept."""


def env_identity(env: gym.Env[Any, Any]) -> dict[str, Any]:
    """Returns the identity of an environment, fit for JSON.

    Args:
        env: the environment in the common form.

    Returns:
        `entry_point`: what Gymnasium makes the environment from. `vector_entry_point`: the same for its vector form, if it has one.
        `class`: class of the environment itself. `distribution` and `version`: installed package that provides it, None for a module that
        no package provides. `modules`: SHA-256 of the file of each module named here. `wrappers`: classes around the environment, from the
        outermost, without the arena's own. `observation_space`, `action_space`: as the environment in its wrappers declares them.
        `max_episode_steps`: its time limit.
    """
    spec, inner = env.unwrapped.spec, env.unwrapped
    declared = env.env if isinstance(env, CommonForm) else env
    entry_point = _entry_point(spec.entry_point) if spec is not None else None
    wrappers = _wrappers(env)
    names = [entry_point or "", _name(type(inner)), *(wrapper for wrapper in wrappers if not wrapper.startswith("gymnasium."))]
    modules = sorted({name.partition(":")[0] for name in names if name})
    distribution, version = _distribution(modules[0] if entry_point is None else entry_point.partition(":")[0])
    return {
        "entry_point": entry_point,
        "vector_entry_point": _entry_point(spec.vector_entry_point) if spec is not None else None,
        "class": _name(type(inner)),
        "distribution": distribution,
        "version": version,
        "modules": {module: _file_hash(module) for module in modules},
        "wrappers": wrappers,
        "observation_space": str(declared.observation_space)[:MAX_SPACE_CHARACTERS],
        "action_space": str(declared.action_space)[:MAX_SPACE_CHARACTERS],
        "max_episode_steps": env.spec.max_episode_steps if env.spec is not None else None,  # that of `inner` is without its wrappers
    }


def refuse_changed_environment(earlier: Mapping[str, Any] | None, now: Mapping[str, Any], folder: Path) -> None:
    """Refuses to resume training on an environment that is another one by now.

    Args:
        earlier: identity that an earlier attempt recorded; None if it recorded none, so that nothing is known to have changed.
        now: identity of the environment as it is made today.
        folder: the run folder, for the error.

    Raises:
        ArenaError: names what changed: spaces, code, package, version, wrappers or time limit.
    """
    compared = [key for key in now if key not in NOT_COMPARED]
    changed = [key for key in compared if earlier is not None and key in earlier and earlier[key] != now[key]]
    if earlier is None or not changed:
        return
    told = "; ".join(f"{key} was {_short(earlier[key])} and is {_short(now[key])}" for key in changed[:MAX_TOLD])
    raise ArenaError(
        f"the environment has changed since the checkpoint of {folder} was written ({told}): undo the change to resume, or delete the "
        "folder to begin anew"
    )


def _short(value: Any) -> str:
    if isinstance(value, Mapping):  # SHA-256 by module
        return ", ".join(f"{key} {str(item)[:8]}" for key, item in value.items())
    return str(value)


def _entry_point(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else _name(value)


def _name(value: Any) -> str:
    return f"{getattr(value, '__module__', '')}:{getattr(value, '__qualname__', type(value).__qualname__)}"


def _wrappers(env: gym.Env[Any, Any]) -> list[str]:
    found = []
    while isinstance(env, gym.Wrapper):
        found += [] if isinstance(env, CommonForm) else [_name(type(env))]
        env = env.env
    return found


def _file_hash(module: str) -> str | None:
    """Returns the SHA-256 of the file of a module that is imported already; None if it has no readable file."""
    file = getattr(sys.modules.get(module), "__file__", None)
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else None
    except OSError:
        return None


@functools.cache
def _distribution(module: str) -> tuple[str | None, str | None]:
    """Returns the name and version of the installed package that provides a module.

    Reading the entry points of all packages takes 10 ms. Most packages are named as their module is, or bring a plug-in; only for the
    others are the files of all packages searched, which takes 0.4 s, once in a process.
    """
    top = module.partition(".")[0]
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        if entry_point.module.partition(".")[0] == top and entry_point.dist is not None:
            return entry_point.dist.name, entry_point.dist.version
    try:
        distribution = importlib.metadata.distribution(top)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        names = _distributions_of_packages().get(top)
        return (names[0], importlib.metadata.version(names[0])) if names else (None, None)
    return distribution.name, distribution.version


@functools.cache
def _distributions_of_packages() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()
