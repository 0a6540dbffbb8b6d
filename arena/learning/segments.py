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
"""Name of the file with the rows after the last full segment."""
_FIRST = "first_row"
_FULL = re.compile(r"rows-(\d{12,15})\.npz")


def save_ring(directory: Path, arrays: Mapping[str, Array], num_added: int) -> None:
    """Writes the rows that a ring holds below `directory`, and removes segments that hold none of them.

    Args:
        directory: the agent's folder of a checkpoint.
        arrays: field -> `[capacity, ...]`.
        num_added: Number of rows that were ever added to the ring.
    """
    folder = directory / SEGMENTS
    folder.mkdir(exist_ok=True)
    length, oldest = _segment_rows(arrays), max(0, num_added - _capacity(arrays))
    ends = range(oldest // length * length + length, num_added + 1, length)
    full = {_full_name(end - length): end for end in ends}
    for path in sorted(folder.iterdir()):
        if path.name not in full:
            path.unlink()
    for name, end in full.items():
        if not (folder / name).exists():
            _write(folder / name, arrays, max(oldest, end - length), end)
    _write(folder / TAIL_NAME, arrays, max(oldest, num_added // length * length), num_added)


def restore_ring(directory: Path, arrays: Mapping[str, Array], num_added: int) -> None:
    """Puts the rows that `save_ring` wrote back into the arrays; other rows stay as they are.

    Raises:
        ValueError: if a row that the ring held is missing.
    """
    oldest, expected = max(0, num_added - _capacity(arrays)), max(0, num_added - _capacity(arrays))
    for path in sorted((directory / SEGMENTS).iterdir()):  # full segments by their first row, then the tail
        if path.name != TAIL_NAME and not _FULL.fullmatch(path.name):
            raise ValueError(f"{path} is no segment of a replay buffer")
        fields = read_arrays(path)
        first = int(fields.pop(_FIRST))
        rows = np.arange(max(first, oldest), first + len(next(iter(fields.values()))))
        if not len(rows):
            continue
        if rows[0] != expected:
            raise ValueError(f"{path} begins with row {rows[0]} of the replay buffer, and row {expected} comes next")
        for name, array in arrays.items():
            array[rows % _capacity(arrays)] = fields[name][rows - first]
        expected = int(rows[-1]) + 1
    if expected != num_added:
        raise ValueError(f"the segments end before row {expected} of the replay buffer, which had {num_added}")


def _write(path: Path, arrays: Mapping[str, Array], first: int, end: int) -> None:
    rows = np.arange(first, end) % _capacity(arrays)
    write_arrays(path, {_FIRST: np.array(first), **{name: array[rows] for name, array in arrays.items()}})


def _full_name(first: int) -> str:
    return f"rows-{first:012d}.npz"


def _capacity(arrays: Mapping[str, Array]) -> int:
    return len(next(iter(arrays.values())))


def _segment_rows(arrays: Mapping[str, Array]) -> int:
    """Returns the number of rows of a segment, which follows from the arrays' types alone."""
    row_bytes = sum(array.nbytes // len(array) for array in arrays.values())
    return max(1, min(MAX_SEGMENT_ROWS, SEGMENT_BYTES // row_bytes))
