"""`arena sync`, and what `arena run --track` does at its end: hands runs that have ended to a tracker."""

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from arena.experiment.tracking import track
from arena.loggers.trackers.libraries import tracker_class
from arena.loggers.trackers.tracker import Tracker
from arena.terminal.output import Mode, Output, complain

PROJECT = "arena"
"""Name under which a tracker gathers runs, unless another is given."""
FOLDER = "trackers"
"""Folder, beside the experiments' folders, for files that trackers keep on this machine."""


def sync(folders: Sequence[Path], to: str, project: str, *, online: bool, again: bool, mode: Mode) -> None:
    """Adds all runs below some folders that have ended, and says where they can be seen.

    Args:
        folders: folders of experiments.
        to: name of the tracker.
        project: name under which the tracker gathers runs.
        online: whether it may send them to another machine.
        again: whether it gets runs that it already has.
        mode: how to write.
    """
    tracker = make_tracker(to, folders[0], project, online=online)
    for folder in folders:
        send(tracker, folder, f"{to}/{project}", again=again, mode=mode)


def make_tracker(name: str, folder: Path, project: str, *, online: bool) -> Tracker:
    """Returns a tracker, whose files lie beside the folder of an experiment.

    Raises:
        ArenaError: if there is none of that name, or its library is missing.
    """
    return tracker_class(name)(folder.absolute().parent / FOLDER / name, project=project, online=online)


def send(tracker: Tracker, folder: Path, destination: str, *, again: bool = False, mode: Mode) -> None:
    """Adds all runs below a folder that have ended to a tracker, with a line for each."""
    output = Output(mode)
    with contextlib.redirect_stdout(sys.stderr):  # trackers print, and what a program reads must hold JSON alone
        for record, is_new in track(folder, tracker, destination, again=again, on_left_out=lambda run: complain(f"arena: {run}")):
            output.record({"event": "tracked", "run": str(record.path), "destination": destination, "added": is_new})
            output.say(f"{record.path}: {'added to' if is_new else 'was already in'} {destination}")
    output.say(f"See them: {tracker.where()}")
