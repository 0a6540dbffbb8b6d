"""Files that extend other files: their tables are merged, the file's own values over the inherited ones."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arena.errors import ArenaError, did_you_mean
from arena.experiment.bundled import file_or_bundled
from arena.formats.toml import read_toml

MAX_FILES = 100
"""Largest number of files that one file may extend, directly and through others; a file counts each time it is read."""


def load_table(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the table in a file, or in a bundled experiment, merged over those that it extends, and the part that it inherits.

    `extends = "other.toml"` (or a list, later ones winning) is relative to the file. Tables are merged key by key; everything else,
    lists too, is replaced. The name of an experiment is not inherited.

    Raises:
        ArenaError: if a file cannot be read or parsed, extends itself, or if there are more than `MAX_FILES`.
    """
    return _load(file_or_bundled(path), (), [])


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns `base` with `changes`: tables key by key, everything else replaced."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def _load(path: Path, children: tuple[Path, ...], read: list[Path]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the same as `load_table`; `children` are the files that led here, each extending the next, and `read` all files so far."""
    if "\0" in str(path):
        raise ArenaError(f"{str(path)!r} isn't a path: it has a NUL character")
    resolved = Path(os.path.realpath(path))  # unlike `Path.resolve`, takes links that lead to each other
    if resolved in children:
        raise ArenaError(f"{children[-1]} extends {path.name}, which extends it in turn")
    read.append(path)
    if len(read) > MAX_FILES + 1:
        raise ArenaError(f"{read[0]} extends more than {MAX_FILES} files; {path} would be the next")
    table = _parse(path, extended_by=children[-1] if children else None)
    extended = table.pop("extends", [])
    names = [extended] if isinstance(extended, str) else extended
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ArenaError(f"{path}: extends={extended!r} must be the path of a file, or a list of paths")
    inherited: dict[str, Any] = {}
    for name in names:
        inherited = merged(inherited, _load(path.parent / name, (*children, resolved), read)[0])
    inherited.pop("name", None)
    return merged(inherited, table), inherited


def _parse(path: Path, extended_by: Path | None) -> dict[str, Any]:
    try:
        return read_toml(path)
    except OSError as error:
        by = f", which {extended_by.name} extends" if extended_by else ""
        raise ArenaError(
            f"cannot read {path}{by}: {error.strerror}{_near(path) if isinstance(error, FileNotFoundError) else ''}"
        ) from error


def _near(path: Path) -> str:
    """Returns what else a missing file may be: one beside it with a similar name, or an experiment that comes with the arena."""
    near = did_you_mean(path.stem, (found.stem for found in path.parent.glob("*.toml"))).replace("'?", ".toml'?")
    return near or "; `arena list configs` lists the experiments that come with the arena"
