"""Modules of the user's own that register environments when they are imported: `modules = ["my_envs"]` in an experiment's file.

An environment of such a module gets the id `module:Id`. Gymnasium then imports the module wherever it makes the environment, in a worker
too, and a run folder says which module that was.
"""

import importlib
import re
from collections.abc import Sequence

import gymnasium as gym

from arena.environments.plugins import registered_ids, registered_spec
from arena.errors import ArenaError, how_to_find

_VERSION = re.compile(r"-v\d+$")
_REGISTERED: dict[str, frozenset[str]] = {}
"""Ids that a module registered when it was imported here, by the module's name."""


def import_modules(modules: Sequence[str]) -> None:
    """Imports modules and notes which environments each registers.

    Raises:
        ArenaError: if one cannot be imported.
    """
    for module in modules:
        if module in _REGISTERED:
            continue
        before = {env_id: id(spec) for env_id, spec in gym.registry.items()}
        try:
            importlib.import_module(module)
        except Exception as error:  # the user's own code
            raise ArenaError(f"modules: {module!r} cannot be imported: {error!r}{how_to_find(module)}") from error
        _REGISTERED[module] = frozenset(env_id for env_id, spec in gym.registry.items() if before.get(env_id) != id(spec))


def full_id(env_id: str, modules: Sequence[str] = ()) -> str:
    """Returns the id under which an environment can be made in every process: with its module, and with its newest version.

    Args:
        env_id: id as the user writes it: `CartPole-v1`, `CartPole`, or that of an environment that one of `modules` registers.
        modules: modules of the user's own, which are imported.
    """
    if ":" in env_id:
        return env_id
    env_id = newest_version(env_id)
    spec = registered_spec(env_id)
    if spec is None:
        return env_id
    source = spec.entry_point if isinstance(spec.entry_point, str) else getattr(spec.entry_point, "__module__", "")
    package = (source or "").partition(":")[0].partition(".")[0]
    for module in modules:
        # What was imported before, in a notebook, is told by the module that its class is from.
        if env_id in _REGISTERED.get(module, ()) or package == module.partition(".")[0]:
            return f"{module}:{env_id}"
    return env_id


def newest_version(env_id: str) -> str:
    """Returns `env_id` with the newest version that is registered, where it has none and is not registered itself: `CartPole-v1`."""
    if _VERSION.search(env_id) or registered_spec(env_id) is not None:
        return env_id
    versions = [known for known in registered_ids() if _VERSION.sub("", known) == env_id]
    return max(versions, key=lambda known: int(known.rpartition("-v")[2]), default=env_id)
