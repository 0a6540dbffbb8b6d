"""Seals of checkpoints: the size and the SHA-256 of every file, by which damage is found before anything is taken over."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import pydantic

from arena.errors import ArenaError
from arena.formats.folders import Folder, UnsafeFile
from arena.formats.json import read_json_in, write_json
from arena.formats.validation import sentence, validate

SEAL_NAME = "manifest.json"
"""Name of the file in a checkpoint that holds its seal; it is written last."""
SEAL_VERSION = 1
"""Version of the form of the seal."""


class DamagedCheckpoint(ArenaError):
    """Raised for a checkpoint whose files are not those that were written; names the file."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SealedFile:
    """Size and content of one file of a checkpoint."""

    num_bytes: int
    sha256: str
    """SHA-256 of the content, in hexadecimal digits."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seal:
    """The form of a checkpoint's `manifest.json`."""

    __pydantic_config__: ClassVar = pydantic.ConfigDict(extra="forbid")

    schema_version: int
    files: Mapping[str, SealedFile]
    """Every other file of the checkpoint, by its name below the checkpoint's folder."""


def write_seal(folder: Folder, name: str, known: Mapping[str, SealedFile] | None = None) -> Seal:
    """Waits until every file of a checkpoint is on disk, and writes and returns the seal.

    Args:
        folder: the run folder.
        name: the checkpoint's folder in it.
        known: files that an earlier checkpoint has sealed and that are on disk: they are not read again.
    """
    files, known = {}, known or {}
    for file in (file for file in folder.files(name) if file != SEAL_NAME):
        if file in known:
            files[file] = known[file]
            continue
        folder.sync(f"{name}/{file}")
        num_bytes = folder.stamp(f"{name}/{file}")[1]
        files[file] = SealedFile(num_bytes=num_bytes, sha256=folder.sha256(f"{name}/{file}"))
    for inner in sorted({file.rpartition("/")[0] for file in files} - {""}):
        folder.sync(f"{name}/{inner}")
    seal = Seal(schema_version=SEAL_VERSION, files=files)
    write_json(folder.path / name / SEAL_NAME, dataclasses.asdict(seal))
    folder.sync(name.rpartition("/")[0])
    return seal


def read_seal(folder: Folder, name: str) -> Seal:
    """Returns the seal of the checkpoint `name`.

    Raises:
        DamagedCheckpoint: if it is missing, or not what this program writes.
    """
    file = folder.path / name / SEAL_NAME
    try:
        value: Any = read_json_in(folder, f"{name}/{SEAL_NAME}")
        seal: Seal = validate(Seal, value)
    except pydantic.ValidationError as error:
        raise DamagedCheckpoint(f"{file}: {sentence(error)}") from error
    except UnsafeFile:
        raise
    except ArenaError as error:
        raise DamagedCheckpoint(str(error)) from error
    if seal.schema_version != SEAL_VERSION:
        raise ArenaError(f"{file} has schema_version {seal.schema_version}, and this version of arena-rl reads {SEAL_VERSION}")
    return seal


def check_seal(folder: Folder, name: str) -> Seal:
    """Reads every file of the checkpoint `name`, and returns its seal if it holds.

    Raises:
        DamagedCheckpoint: for the first file that is missing, was added, or has another content than was written.
        UnsafeFile: if something in it is a link or no regular file.
    """
    seal, found = read_seal(folder, name), {file for file in folder.files(name) if file != SEAL_NAME}
    for file in sorted({*seal.files, *found}):
        path, sealed = folder.path / name / file, seal.files.get(file)
        if file not in found:
            raise DamagedCheckpoint(f"{path} is missing")
        if sealed is None:
            raise DamagedCheckpoint(f"{path} was added")
        try:
            num_bytes = folder.stamp(f"{name}/{file}")[1]
            is_same = num_bytes == sealed.num_bytes and folder.sha256(f"{name}/{file}") == sealed.sha256
        except OSError as error:
            raise DamagedCheckpoint(f"cannot read {path}: {error.strerror}") from error
        if num_bytes != sealed.num_bytes:
            raise DamagedCheckpoint(f"{path} has {num_bytes:,} bytes, and {sealed.num_bytes:,} were written")
        if not is_same:
            raise DamagedCheckpoint(f"{path} has another content than was written (SHA-256)")
    return seal
