"""JSON files, written atomically: a reader sees the old content or the new, never half of it."""

import json
import math
import os
from pathlib import Path
from typing import Any

from arena.errors import ArenaError


def write_bytes(path: Path, content: bytes) -> None:
    """Replaces the content of `path` atomically: a file beside it is written, flushed to disk and renamed."""
    sibling = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with sibling.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        sibling.replace(path)
    finally:
        sibling.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as JSON, atomically; NaN and infinities become null, so that every JSON reader accepts the file."""
    write_bytes(path, (json.dumps(_finite(value), indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Returns the JSON value in `path`.

    Raises:
        ArenaError: if the file is missing or is not JSON; the error names the file.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArenaError(f"cannot read {path}: {error}") from error


def read_json_object(path: Path) -> dict[str, Any]:
    """Returns the JSON object in `path`.

    Raises:
        ArenaError: if the file is missing, is not JSON or holds another JSON value; the error names the file.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise ArenaError(f"{path} must hold a JSON object")
    return value


def json_line(value: Any) -> str:
    """Returns `value` as one line of JSON with its newline; NaN and infinities become null."""
    return json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":")) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
