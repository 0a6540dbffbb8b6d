"""Hands runs that have ended to a tracker, each once: `arena sync`, and `--track` of `arena run`."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.formats.folders import Folder
from arena.formats.json import json_line, parse_json
from arena.formats.locks import FolderLock
from arena.loggers.event_files import read_points
from arena.loggers.trackers.tracker import TrackedRun, Tracker
from arena.run_folder.record import LeftOut, RunRecord, readable, run_folders

SENT_NAME = "tracked.jsonl"
"""Name of the file in an experiment's folder that says which of its runs which tracker has."""
MAX_SENT_BYTES = 2**26
"""Largest size of that file that is read."""
SEND_SECONDS = 600.0
"""Seconds to wait while another arena adds a run of the same experiment to a tracker."""
KEY_LENGTH = 16
"""Length of a run's key, in characters; W&B takes ids of letters and digits up to 64."""


def track(
    root: Path,
    tracker: Tracker,
    destination: str,
    *,
    again: bool = False,
    on_left_out: Callable[[LeftOut], None] = lambda _: None,
) -> Iterator[tuple[RunRecord, bool]]:
    """Adds every run below a folder that has ended to a tracker, and notes that it has it.

    Args:
        root: folder of an experiment, or one that holds such.
        tracker: gets the runs.
        destination: name of the tracker and of the project, under which it is noted what was added.
        again: whether runs are added that the destination already has.
        on_left_out: takes each run that cannot be read; the others are added.

    Yields:
        Each run, and whether it was added now; False means that the destination had it.

    Raises:
        ArenaError: if there are no runs that have ended, or the tracker fails on one; those before are added and noted.
    """
    found, left_out = readable(path.absolute() for path in run_folders(root))
    for each in left_out:
        on_left_out(each)
    records = [record for record in found if record.result is not None]
    if not records:
        raise ArenaError(f"{root} holds no runs that have ended")
    for record in records:
        home = Folder(record.path.parents[2])
        run = tracked_run(record)
        sent = json_line({"destination": destination, "key": run.key, "attempts": run.summary["num_attempts"]})
        with FolderLock(record.path.parents[2], wait_seconds=SEND_SECONDS):  # another arena may send the same runs
            is_new = again or sent not in _sent(home)
            if is_new:
                _add(tracker, run, destination)
                with home.open(SENT_NAME, "ab") as file:
                    file.write(sent.encode())
        yield record, is_new


def _add(tracker: Tracker, run: TrackedRun, destination: str) -> None:
    try:
        tracker.add(run)
    except ArenaError:
        raise
    except Exception as error:  # a tracker's library is not ours
        reason = f"{type(error).__name__}: {error}"
        raise ArenaError(f"{destination} did not take {run.name} ({reason}); the same command adds what is missing") from error


def tracked_run(record: RunRecord) -> TrackedRun:
    """Returns what a tracker gets of a run that has ended; reads its curves."""
    run, result = record.run, record.result
    assert result is not None
    experiment = record.path.resolve().parents[2].name
    inputs = run.inputs()
    config: dict[str, str | float | bool] = {
        "agent": run.agent.name,
        "env": run.env.name,
        "seed": run.seed,
        "experiment_seed": run.experiment_seed,
    }
    settings = {**{f"budget.{key}": value for key, value in inputs["budget"].items() if value is not None}, **run.agent.hyperparameters}
    numbers = ("score_mean", "score_std", "score_episodes", "env_steps", "num_episodes", "learner_steps", "cpu_seconds", "num_attempts")
    summary = {name: value for name in numbers if (value := getattr(result, name)) is not None}
    return TrackedRun(
        experiment=experiment,
        name=run.name,
        key=hashlib.sha256(json_line([experiment, inputs]).encode()).hexdigest()[:KEY_LENGTH],
        config={**config, **{key: _plain(value) for key, value in settings.items()}},
        summary={"status": result.status, "reason": result.reason, "train_seconds": result.seconds.train, **summary},
        points=read_points(record.path),
        succeeded=result.status == "finished",
    )


def _plain(value: Any) -> str | float | bool:
    return value if isinstance(value, str | float | bool | int) else str(value)


def _sent(home: Folder) -> Sequence[str]:
    try:
        content = home.read(SENT_NAME, max_bytes=MAX_SENT_BYTES).decode()
    except FileNotFoundError:
        return ()
    return [json_line(parse_json(line, SENT_NAME)) for line in content.splitlines()]
