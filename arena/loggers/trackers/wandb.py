"""Weights & Biases: runs in its offline format by default, which `wandb sync` sends, or straight to its server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from arena.loggers.trackers.libraries import import_library

if TYPE_CHECKING:
    from arena.loggers.trackers.tracker import TrackedRun

STEP = "env_steps"
"""Name of the x axis of all curves."""


class WandbTracker:
    """Writes runs with the library `wandb`; takes what `Tracker` takes."""

    def __init__(self, folder: Path, *, project: str, online: bool) -> None:
        self._wandb = import_library("wandb")
        self._folder, self._project, self._online = folder, project, online

    def add(self, run: TrackedRun) -> None:
        """Adds a run; W&B knows it again by its key."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._wandb.init(
            project=self._project,
            dir=str(self._folder),
            id=run.key,
            name=run.name,
            group=run.experiment,
            config=dict(run.config),
            mode="online" if self._online else "offline",
            resume="allow" if self._online else None,
            reinit="create_new",
            save_code=False,
            settings=self._wandb.Settings(silent=True, console="off", x_disable_stats=True, x_disable_meta=True, disable_git=True),
        ) as sent:
            sent.define_metric(STEP)
            sent.define_metric("*", step_metric=STEP)
            for env_steps, values in run.rows().items():
                sent.log({STEP: env_steps, **values})
            sent.summary.update(dict(run.summary))

    def where(self) -> str:
        """Returns the command that sends what is kept here, or the project's name on the server."""
        return f"project {self._project} on the server" if self._online else f"wandb sync {self._folder / 'wandb' / 'offline-run-*'}"
