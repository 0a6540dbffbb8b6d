"""Packages that registered environments need, found without importing them: what can be made here, and what is missing for the rest."""

import importlib.util

from arena.environments.plugins import registered_spec
from arena.machine.installation import install_command

_MODULES = {
    "gymnasium.envs.box2d.": ("Box2D", "box2d"),
    "gymnasium.envs.phys2d.": ("jax", "keras"),
    "gymnasium.envs.tabular.": ("jax", "keras"),
    "gymnasium.envs.mujoco.": ("mujoco", "mujoco"),
}
"""Module that Gymnasium's environments import, and the extra of this project that installs it, by the beginning of the entry point."""
_EXTRAS = {"ale_py": "atari", "minatar": "minatar", "minigrid": "minigrid"}
"""Extra of this project that installs a package of environments."""


def install_package(package: str) -> str:
    """Returns what installs a package of environments, by the name of its module: a command of this project's, if an extra has it."""
    return install_command(_EXTRAS[package]) if package in _EXTRAS else f"install the package of {package!r}"


def missing_for(env_id: str) -> str:
    """Returns what to do before an environment can be made here; empty if nothing is missing, as far as can be told without making it."""
    spec = registered_spec(env_id)
    if spec is None or not isinstance(spec.entry_point, str):
        return _unless_usable(env_id)
    entry_point = spec.entry_point
    for prefix, (module, extra) in _MODULES.items():
        if entry_point.startswith(prefix) and not _is_installed(module):
            return install_command(extra)
    top = entry_point.partition(":")[0].partition(".")[0]
    return "" if _is_installed(top) else install_package(top)


def _unless_usable(env_id: str) -> str:
    """Returns the reason for an entry point that is a function of Gymnasium itself, which only says that the environment has gone."""
    spec = registered_spec(env_id)
    function = spec.entry_point if spec is not None else None
    if getattr(function, "__module__", "") == "gymnasium.envs":
        return "gone from Gymnasium; newer versions of it exist"
    return ""


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
