"""Trackio: runs in its local database, which `trackio show` shows. Nothing is sent to another machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from arena.errors import ArenaError
from arena.loggers.trackers.libraries import import_library

if TYPE_CHECKING:
    from arena.loggers.trackers.tracker import TrackedRun


class TrackioTracker:
    """Writes runs with the library `trackio`; takes what `Tracker` takes, and keeps its database where Trackio itself does."""

    def __init__(self, folder: Path, *, project: str, online: bool) -> None:
        del folder  # the database of all of a user's projects, in TRACKIO_DIR
        if online:
            raise ArenaError("trackio keeps runs on this machine; `trackio sync` of its own sends a project to a Space")
        self._trackio = import_library("trackio")
        self._project = project

    def add(self, run: TrackedRun) -> None:
        """Adds a run. Trackio has no way to replace one: a run of the same name gets further points."""
        name = f"{run.experiment}/{run.name}"
        made = self._trackio.init(
            project=self._project,
            name=name,
            group=run.experiment,
            config={**run.config, "key": run.key, **run.summary},
            resume="never",
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )
        try:
            for env_steps, values in run.rows().items():
                made.log(values, step=env_steps)
        finally:
            self._trackio.finish()

    def where(self) -> str:
        """Returns the command that shows the project."""
        return f"trackio show --project {self._project}"
