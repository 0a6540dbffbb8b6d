"""Finds trackers by name, and imports their libraries only when they are used."""

import importlib
import importlib.metadata
from collections.abc import Callable
from typing import Any

from arena.errors import ArenaError, did_you_mean
from arena.loggers.trackers.tracker import Tracker

ENTRY_POINT_GROUP = "arena.loggers"
OWN = {
    "wandb": "arena.loggers.trackers.wandb:WandbTracker",
    "mlflow": "arena.loggers.trackers.mlflow:MlflowTracker",
    "trackio": "arena.loggers.trackers.trackio:TrackioTracker",
}
"""Trackers that come with the arena: import path by name."""


def tracker_names() -> list[str]:
    """Returns the names of all trackers, sorted."""
    return sorted({*OWN, *(entry_point.name for entry_point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP))})


def tracker_class(name: str) -> Callable[..., Tracker]:
    """Returns the class of a tracker.

    Raises:
        ArenaError: if there is none of that name, or it cannot be imported; names the near one.
    """
    found = {entry_point.name: entry_point.value for entry_point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)} | OWN
    if name not in found:
        raise ArenaError(f"no tracker {name!r}{did_you_mean(name, found)} (there are: {', '.join(sorted(found))})")
    module, _, attribute = found[name].partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)  # type: ignore[no-any-return]
    except (ImportError, AttributeError) as error:
        raise ArenaError(f"tracker {name!r} cannot be loaded from {found[name]!r}: {error}") from error


def import_library(module: str, distribution: str = "") -> Any:
    """Returns a module of a tracker's library.

    Args:
        module: import path of the module.
        distribution: name by which the library is installed; that of the module if empty.

    Raises:
        ArenaError: if it is not installed; says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise ArenaError(f"{distribution or module} is not installed here: pip install {distribution or module}") from error
