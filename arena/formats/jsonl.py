"""JSON lines: one record a line, appended, and cut back to a checkpoint's offset when a run resumes."""

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError
from arena.formats.folders import Folder, read_file
from arena.formats.json import json_line, parse_json

MAX_JSONL_BYTES = 2**31
"""Largest size of a file of JSON lines that is read; ten million episodes take half of it."""
Array = npt.NDArray[Any]
_CHUNK_BYTES = 2**20


class JsonlWriter:
    """Appends records to a file.

    Args:
        path: the file, which is made, with its folder, if it is missing.
        truncate_to: byte offset that `flush` gave at the checkpoint from which a run resumes; everything after it is cut off.
            None keeps every complete line and cuts off a line that a killed process left half written.
        sha256: SHA-256 of the bytes up to `truncate_to`, as `sha256` gave it at the checkpoint; None or empty if it is not known.

    Raises:
        ArenaError: if the file is shorter than `truncate_to`, so that records of the checkpoint are missing, if they have another SHA-256,
            or if it is a link, a file with a second name, or no regular file.
    """

    def __init__(self, path: Path, *, truncate_to: int | None = None, sha256: str | None = None) -> None:
        folder = Folder(path.parent)
        folder.make()
        self._file = folder.open(path.name, "ab")
        size = os.fstat(self._file.fileno()).st_size
        if truncate_to is not None and truncate_to > size:
            self._file.close()
            raise ArenaError(f"{path} has {size} bytes, its checkpoint was made at {truncate_to}: the file was changed or cut")
        kept = _complete_bytes(folder, path.name) if truncate_to is None else truncate_to
        self._hash = _hash(folder, path.name, kept)
        if sha256 and sha256 != self.sha256:
            self._file.close()
            raise ArenaError(f"{path} was changed: its first {kept:,} bytes are not those that its checkpoint knows (SHA-256)")
        self._file.truncate(kept)
        self._file.seek(0, os.SEEK_END)

    @property
    def sha256(self) -> str:
        """SHA-256 of all records so far, in hexadecimal digits."""
        return self._hash.hexdigest()

    def write(self, record: Any) -> None:
        """Appends one record; NaN and infinities become null."""
        self._append(json_line(record).encode())

    def write_columns(self, columns: Mapping[str, Array | Mapping[str, Array]]) -> None:
        """Appends one record for each row of equally long columns of numbers or flags, many times faster than `write` for each row.

        Args:
            columns: name -> column, or name -> columns of a table that stands in each record under that name.
        """
        line, flat = _form(columns)
        line += "\n"
        texts = [_texts(column) for column in flat]
        self._append("".join([line % row for row in zip(*texts, strict=True)]).encode())

    def _append(self, content: bytes) -> None:
        self._file.write(content)
        self._hash.update(content)

    def flush(self, *, to_disk: bool = False) -> int:
        """Hands all records to the operating system and returns the file's length in bytes.

        Args:
            to_disk: whether to wait until the records would survive a loss of power, as a checkpoint needs.
        """
        self._file.flush()
        if to_disk:
            os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        """Flushes and closes; may be called twice."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _form(columns: Mapping[str, Array | Mapping[str, Array]]) -> tuple[str, list[Array]]:
    """Returns the form of a record, with `%s` for each value, and the columns of the values in their order."""
    parts, flat = [], []
    for name, column in columns.items():
        form, own = _form(column) if isinstance(column, Mapping) else ("%s", [column])
        parts.append(f"{json.dumps(name).replace('%', '%%')}:{form}")
        flat += own
    return f"{{{','.join(parts)}}}", flat


def _texts(column: Array) -> list[str]:
    if not len(column):
        return []
    values = column.tolist()
    if not np.isfinite(column).all():
        values = [value if math.isfinite(value) else None for value in values]
    return json.dumps(values, separators=(",", ":"))[1:-1].split(",")


def read_jsonl(path: Path) -> list[Any]:
    """Returns the records in `path`; a last line that is only half written is left out.

    Raises:
        ArenaError: if the file is missing or one of its complete lines is not JSON; the error names the file.
    """
    try:
        lines = read_file(path, max_bytes=MAX_JSONL_BYTES).split(b"\n")
    except OSError as error:
        raise ArenaError(f"cannot read {path}: {error.strerror}") from error
    return [parse_json(line, f"{path}, line {number} cannot be read") for number, line in enumerate(lines[:-1], start=1)]


def _hash(folder: Folder, name: str, num_bytes: int) -> "hashlib._Hash":
    """Returns the SHA-256 of the first bytes of a file, to which more can be added."""
    digest = hashlib.sha256()
    with folder.open(name) as file:
        while num_bytes > 0 and (chunk := file.read(min(num_bytes, _CHUNK_BYTES))):
            digest.update(chunk)
            num_bytes -= len(chunk)
    return digest


def _complete_bytes(folder: Folder, name: str) -> int:
    """Returns the number of bytes of a file up to its last newline, which is included."""
    return folder.read(name, max_bytes=MAX_JSONL_BYTES).rfind(b"\n") + 1
