"""Reads the curves out of a run folder's TensorBoard event files, with nothing of TensorBoard but its messages.

TensorBoard's own readers import TensorFlow where it is installed.
"""

import dataclasses
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event, SessionLog

from arena.formats.folders import Folder
from arena.loggers.tensorboard import END_SUFFIX, FILE_PREFIX

MAX_RECORD_BYTES = 2**24
"""Largest record that is read; the arena's own are a few kilobytes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """One point of one curve."""

    tag: str
    """Name of the curve (`arena.loggers.tags`)."""
    env_steps: int
    """Env steps of the run."""
    value: float
    """Height of the curve."""
    wall_time: float
    """Moment at which the point was written, in seconds since the epoch."""


def read_points(run_folder: Path) -> list[Point]:
    """Returns all points of a run's curves, by env steps, without those that a resumed run has replaced.

    A file that ends within a record, as a killed worker leaves it, is read up to there.

    Args:
        run_folder: the run folder; one without event files has no points.
    """
    folder, points = Folder(run_folder), list[Point]()
    names = [entry.name for entry in folder.entries() if entry.name.startswith(FILE_PREFIX) and not entry.name.endswith(END_SUFFIX)]
    for name in sorted(names):
        with folder.open(name) as file:
            for event in _events(file):
                if event.session_log.status == SessionLog.START:
                    points = [point for point in points if point.env_steps < event.step]
                points += _points(event)
    return sorted(points, key=lambda point: point.env_steps)


def _points(event: Event) -> Iterator[Point]:
    for value in event.summary.value:
        if value.tensor.float_val:
            yield Point(value.tag, event.step, value.tensor.float_val[0], event.wall_time)


def _events(file: BinaryIO) -> Iterator[Event]:
    """Yields the events of a file of records: length (8 bytes), checksum (4), content, checksum (4)."""
    while len(head := file.read(12)) == 12:
        (length,) = struct.unpack("<Q", head[:8])
        content = file.read(length) if length <= MAX_RECORD_BYTES else b""
        if len(content) != length or len(file.read(4)) != 4:
            return
        try:
            yield Event.FromString(content)
        except DecodeError:
            return
