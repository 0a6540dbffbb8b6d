"""Wrappers that an experiment puts around an environment: by import path with arguments, or by the name of a preset.

`wrappers` of an environment are there in training, in evaluations and in tournaments, so that a policy sees everywhere what it was trained
on; `train_wrappers` in training alone. Presets come from plug-ins (`arena.environments.plugins.EnvPlugin.presets`).
"""

import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import gymnasium as gym

from arena.environments.config import WrapperConfig
from arena.environments.plugins import plugins
from arena.errors import ArenaError, did_you_mean, how_to_find

_COMPUTING = (
    "AddRenderObservation AtariPreprocessing ClipAction ClipReward DelayObservation DiscretizeAction DiscretizeObservation "
    "FilterObservation FlattenObservation FrameStackObservation GrayscaleObservation MaxAndSkipObservation RescaleAction "
    "RescaleObservation ReshapeObservation ResizeObservation StickyAction TimeAwareObservation TimeLimit"
)
GYMNASIUM_WRAPPERS = frozenset(f"gymnasium.wrappers:{name}" for name in _COMPUTING.split())
"""Wrappers of Gymnasium that compute and do nothing else, so that a folder may name them without the user's word (`RecordVideo`, for one,
writes files)."""


def presets() -> Mapping[str, str]:
    """Returns the presets of all plug-ins: import paths of wrappers by name."""
    return {name: path for plugin in plugins() for name, path in plugin.presets.items()}


def is_installed_wrapper(wrapper: str) -> bool:
    """Returns whether a wrapper is a preset, or one of Gymnasium's that compute and do nothing else."""
    return wrapper in GYMNASIUM_WRAPPERS or wrapper in presets()


def wrapped(env: gym.Env[Any, Any], wrappers: Iterable[WrapperConfig]) -> gym.Env[Any, Any]:
    """Returns an environment inside wrappers, the first one innermost.

    Args:
        env: the environment.
        wrappers: wrappers that the user may load.

    Raises:
        ArenaError: if a wrapper is unknown, cannot be imported, refuses the environment or its arguments, or gives something else than an
            environment; names it.
    """
    for config in wrappers:
        env = _apply(env, config)
    return env


def _apply(env: gym.Env[Any, Any], config: WrapperConfig) -> gym.Env[Any, Any]:
    constructor = _constructor(config.wrapper)
    kwargs = {key: tuple(value) if isinstance(value, list) else value for key, value in config.kwargs.items()}
    try:
        found = constructor(env, **kwargs)
    except ArenaError:
        raise
    except Exception as error:  # the wrapper's own code
        raise ArenaError(f"wrapper {config.wrapper!r} cannot be put around it: {error or repr(error)}") from error
    if not isinstance(found, gym.Env):
        raise ArenaError(f"wrapper {config.wrapper!r} gives a {type(found).__name__}; it must give a gymnasium.Env")
    return found


def _constructor(wrapper: str) -> Callable[..., Any]:
    path = presets().get(wrapper, wrapper)
    module, colon, name = path.partition(":")
    if not colon or not module or not name:
        near = did_you_mean(wrapper, presets())
        raise ArenaError(f"no wrapper {wrapper!r}{near}: give package.module:Class, or a preset ({', '.join(sorted(presets()))})")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except AttributeError as error:
        names = vars(importlib.import_module(module))
        raise ArenaError(f"wrapper {wrapper!r}: {module} has no {name!r}{did_you_mean(name, names)}") from error
    except Exception as error:  # another package's code, or the user's
        raise ArenaError(f"wrapper {wrapper!r} cannot be imported: {error}{how_to_find(module)}") from error
    return found
