"""JSON files, written atomically: a reader sees the old content or the new, never half of it."""

import json
import math
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.formats.folders import Folder

MAX_JSON_BYTES = 2**26
"""Largest size of a JSON file that is read; an agent's state with its generators takes a few kilobytes."""
MAX_DEPTH = 64
"""Largest number of lists and objects inside each other; what is written here has fewer than ten."""


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replaces the content of `path` atomically: a file beside it is written and renamed.

    Args:
        path: the file.
        content: new content.
        durable: whether to wait until the disk has it, so that it survives a power cut.

    Raises:
        ArenaError: if `path` is a link, or something else that is not a regular file.
    """
    Folder(path.parent).write(path.name, content, durable=durable)


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as JSON, atomically, in the form of `json_bytes`."""
    write_bytes(path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """Returns `value` as the content of a JSON file; NaN and infinities become null, so that every JSON reader accepts it."""
    return (json.dumps(finite(value), indent=2, ensure_ascii=False) + "\n").encode(errors="backslashreplace")


def read_json(path: Path) -> Any:
    """Returns the JSON value in `path`.

    Raises:
        ArenaError: if the file is missing, is a link or no regular file, is too large, or is not JSON; the error names the file.
    """
    return read_json_in(Folder(path.parent), path.name)


def read_json_in(folder: Folder, name: str) -> Any:
    """Returns the JSON value in a file below a folder; raises as `read_json`, and where a link leads to the file."""
    path = folder.path / name
    try:
        content = folder.read(name, max_bytes=MAX_JSON_BYTES)
    except OSError as error:
        raise ArenaError(f"cannot read {path}: {error.strerror}") from error
    return parse_json(content, f"cannot read {path}")


def parse_json(content: bytes | str, where: str) -> Any:
    """Returns the JSON value in the content of a file.

    Args:
        content: what the file holds.
        where: beginning of the error, which names the file.

    Raises:
        ArenaError: if it is not JSON, or nested more than `MAX_DEPTH` deep.
    """
    try:
        value = json.loads(content)
    except RecursionError as error:
        raise ArenaError(f"{where}: its values are nested more than {MAX_DEPTH} deep") from error
    except ValueError as error:
        raise ArenaError(f"{where}: it is not JSON: {error}") from error
    check_depth(value, where)
    return value


def check_depth(value: Any, where: str) -> None:
    """Refuses a value that is nested so deep that functions which follow it could not return.

    Raises:
        ArenaError: if it is nested more than `MAX_DEPTH` deep; begins with `where`.
    """
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for each in level if isinstance(each, (dict, list)) for inner in (each.values() if isinstance(each, dict) else each)]
        if not level:
            return
    raise ArenaError(f"{where}: its values are nested more than {MAX_DEPTH} deep")


def read_json_object(path: Path) -> dict[str, Any]:
    """Returns the JSON object in `path`.

    Raises:
        ArenaError: if the file is missing, is not JSON or holds another JSON value; the error names the file.
    """
    return as_object(read_json(path), path)


def as_object(value: Any, path: Path) -> dict[str, Any]:
    """Returns a value that must be a JSON object.

    Raises:
        ArenaError: if it is another; the error names the file `path`.
    """
    if not isinstance(value, dict):
        raise ArenaError(f"{path} must hold a JSON object")
    return value


def json_line(value: Any) -> str:
    """Returns `value` as one line of JSON with its newline; NaN and infinities become null."""
    return json.dumps(finite(value), ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace").decode() + "\n"


def finite(value: Any) -> Any:
    """Returns a value of JSON's types with None for NaN and infinities, lists for tuples, and texts for keys."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value
