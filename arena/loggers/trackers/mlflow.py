"""MLflow: runs in an SQLite file by default, which `mlflow ui` shows, or on the server that MLFLOW_TRACKING_URI names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from arena.loggers.trackers.libraries import import_library

if TYPE_CHECKING:
    from arena.loggers.trackers.tracker import TrackedRun

FILE_NAME = "mlflow.db"
"""Name of the SQLite file."""
KEY_TAG = "arena.key"
"""Tag by which a run is found again."""
MAX_METRICS = 1_000
"""Largest number of points that MLflow takes in one call."""
MAX_PARAMETERS = 100
"""Largest number of parameters that MLflow takes in one call."""


class MlflowTracker:
    """Writes runs with the library `mlflow`; takes what `Tracker` takes."""

    def __init__(self, folder: Path, *, project: str, online: bool) -> None:
        self._entities = import_library("mlflow.entities", "mlflow")
        self._uri = None if online else f"sqlite:///{folder.absolute() / FILE_NAME}"
        if not online:
            folder.mkdir(parents=True, exist_ok=True)
        self._client: Any = import_library("mlflow.tracking", "mlflow").MlflowClient(tracking_uri=self._uri)
        self._project = project

    def add(self, run: TrackedRun) -> None:
        """Adds a run in place of the one with the same key, if there is one."""
        experiment = self._client.get_experiment_by_name(self._project)
        number = self._client.create_experiment(self._project) if experiment is None else experiment.experiment_id
        for old in self._client.search_runs([number], f"tags.`{KEY_TAG}` = '{run.key}'"):
            self._client.delete_run(old.info.run_id)
        times = [round(1_000 * point.wall_time) for point in run.points]
        tags = {KEY_TAG: run.key, "arena.experiment": run.experiment}
        made = self._client.create_run(number, start_time=min(times, default=None), tags=tags, run_name=run.name).info.run_id
        parameters = [self._entities.Param(key, str(value)) for key, value in run.config.items()]
        for first in range(0, len(parameters), MAX_PARAMETERS):
            self._client.log_batch(made, params=parameters[first : first + MAX_PARAMETERS])
        metrics = [
            self._entities.Metric(point.tag, point.value, time, point.env_steps) for point, time in zip(run.points, times, strict=True)
        ]
        for first in range(0, len(metrics), MAX_METRICS):
            self._client.log_batch(made, metrics=metrics[first : first + MAX_METRICS])
        for key, value in run.summary.items():
            self._client.set_tag(made, f"arena.{key}", str(value))
        self._client.set_terminated(made, "FINISHED" if run.succeeded else "FAILED", end_time=max(times, default=None))

    def where(self) -> str:
        """Returns the command that shows what is kept here, or the address of the server."""
        return f"mlflow ui --backend-store-uri {self._uri}" if self._uri else str(self._client.tracking_uri)
