"""TOML files, read within bounds of size and depth; and values as TOML text, which the standard library does not write."""

import json
import math
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.formats.folders import read_file
from arena.formats.json import check_depth

MAX_TOML_BYTES = 2**22
"""Largest size of a TOML file that is read; the largest experiment in `configs/` has a few kilobytes."""


def read_toml(path: Path) -> dict[str, Any]:
    """Returns the table in a file. The file is named by the user, so it may be given as a link; a pipe or a device is refused.

    A byte-order mark, with which editors on Windows begin a file, is skipped.

    Raises:
        OSError: if the file cannot be opened.
        ArenaError: if it is no regular file, is too large, or holds something else than TOML; the error names the file.
    """
    content = read_file(Path(os.path.realpath(path)), max_bytes=MAX_TOML_BYTES)
    try:
        return parse_toml(content.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise ArenaError(f"{path} is not valid TOML: {error}") from error


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """Returns the table in a text.

    Args:
        text: TOML.
        where: beginning of the error: the name of the file, or of the option.

    Raises:
        ArenaError: if it is not TOML, or nested too deep (`arena.formats.json.MAX_DEPTH`).
    """
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise ArenaError(f"{where} is not valid TOML: its values are nested too deep") from None
    except ValueError as error:  # TOMLDecodeError, or a number that Python does not take
        raise ArenaError(f"{where} is not valid TOML: {error}") from error
    check_depth(table, where)
    return table


def toml_table(name: str, values: Mapping[str, Any]) -> list[str]:
    """Returns the lines of a table; entries that are None, which TOML cannot express, are left out.

    Args:
        name: name between the brackets: keys made by `toml_key`, joined by dots.
        values: entries, whose values have JSON's types.
    """
    return [f"[{name}]", *(f"{toml_key(key)} = {toml_value(value)}" for key, value in values.items() if value is not None)]


def toml_value(value: Any) -> str:
    """Returns a value of JSON's types as TOML on one line; entries of tables that are None are left out."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{toml_key(key)} = {toml_value(item)}" for key, item in value.items() if item is not None)
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, str):
        # As JSON, but for DEL, which JSON allows as it is, and characters beyond the first plane, which JSON escapes in two halves.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # inf, -inf and nan; JSON would say Infinity
    return json.dumps(value)


def toml_key(key: str) -> str:
    """Returns a key as TOML, in quotes if it needs them."""
    bare = key.isascii() and key.replace("_", "a").replace("-", "a").isalnum()
    return key if bare else toml_value(key)
