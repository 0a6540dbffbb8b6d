"""Rows of a ring buffer in segments: files that are written once and then shared by all checkpoints that hold those rows.

A ring keeps row i of everything ever added at i modulo its capacity. A segment holds the rows from `k * length` up to `(k + 1) * length`.
A full one never changes again. The worker puts those of the checkpoint before into the folder of the next
(`arena.agent.interface.SEGMENTS`), where they are left. The rows after the last full segment are in `tail.npz`, which is written anew.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.agent.interface import SEGMENTS
from arena.formats.npz import read_arrays, write_arrays

Array = npt.NDArray[Any]

SEGMENT_BYTES = 2**25
"""Largest size of a segment, unless a single row is larger."""
MAX_SEGMENT_ROWS = 8_192
"""Largest number of rows of a segment; small rows would otherwise never fill one."""
TAIL_NAME = "tail.npz"
"""Name of the file with the rows after the last full segment, after the ring's name unless that is `ROWS`."""
ROWS = "rows"
"""Name of the ring of an agent that has only one."""
_FIRST = "first_row"
_SEGMENT = re.compile(r"([a-z]+)-(?:\d{12,15}|tail)\.npz")


def save_ring(directory: Path, arrays: Mapping[str, Array], num_added: int, *, name: str = ROWS, oldest: int = 0) -> None:
    """Writes the rows that a ring holds below `directory`, and removes segments that hold none of them.

    Args:
        directory: the agent's folder of a checkpoint.
        arrays: field -> `[capacity, ...]`.
        num_added: Number of rows that were ever added to the ring.
        name: Name of the ring, in lower-case letters, by which the files of several rings are told apart.
        oldest: Number of the first row that is still needed; rows before it are left out.
    """
    folder = directory / SEGMENTS
    folder.mkdir(exist_ok=True)
    length, oldest = _segment_rows(arrays), max(oldest, num_added - _capacity(arrays))
    ends = range(oldest // length * length + length, num_added + 1, length)
    full = {_full_name(name, end - length): end for end in ends}
    for path in _files(folder, name):
        if path.name not in full:
            path.unlink()
    for file, end in full.items():
        if not (folder / file).exists():
            _write(folder / file, arrays, max(oldest, end - length), end)
    _write(folder / _tail_name(name), arrays, max(oldest, num_added // length * length), num_added)


def restore_ring(directory: Path, arrays: Mapping[str, Array], num_added: int, *, name: str = ROWS, oldest: int = 0) -> None:
    """Puts the rows that `save_ring` wrote back into the arrays; other rows stay as they are. Arguments as for `save_ring`.

    Raises:
        ValueError: if a row that the ring held is missing.
    """
    oldest = expected = max(oldest, num_added - _capacity(arrays))
    for path in _files(directory / SEGMENTS, name):
        fields = read_arrays(path)
        first = int(fields.pop(_FIRST))
        rows = np.arange(max(first, oldest), first + len(next(iter(fields.values()))))
        if not len(rows):
            continue
        if rows[0] != expected:
            raise ValueError(f"{path} begins with row {rows[0]} of the replay buffer, and row {expected} comes next")
        for field, array in arrays.items():
            array[rows % _capacity(arrays)] = fields[field][rows - first]
        expected = int(rows[-1]) + 1
    if expected != num_added:
        raise ValueError(f"the segments end before row {expected} of the replay buffer, which had {num_added}")


def _write(path: Path, arrays: Mapping[str, Array], first: int, end: int) -> None:
    rows = np.arange(first, end) % _capacity(arrays)
    write_arrays(path, {_FIRST: np.array(first), **{field: array[rows] for field, array in arrays.items()}})


def _files(folder: Path, name: str) -> list[Path]:
    """Returns the segments of a ring by their first rows, then its tail.

    Raises:
        ValueError: if the folder has a file that is a segment of no ring.
    """
    found = []
    for path in sorted(folder.iterdir()):
        segment = _SEGMENT.fullmatch(path.name)
        if segment is None and path.name != TAIL_NAME:
            raise ValueError(f"{path} is no segment of a replay buffer")
        if (ROWS if segment is None else segment[1]) == name:
            found.append(path)
    return found


def _full_name(name: str, first: int) -> str:
    return f"{name}-{first:012d}.npz"


def _tail_name(name: str) -> str:
    return TAIL_NAME if name == ROWS else f"{name}-{TAIL_NAME}"


def _capacity(arrays: Mapping[str, Array]) -> int:
    return len(next(iter(arrays.values())))


def _segment_rows(arrays: Mapping[str, Array]) -> int:
    """Returns the number of rows of a segment, which follows from the arrays' types alone."""
    row_bytes = sum(array.nbytes // len(array) for array in arrays.values())
    return max(1, min(MAX_SEGMENT_ROWS, SEGMENT_BYTES // row_bytes))
