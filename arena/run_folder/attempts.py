"""Attempts of a run: the worker processes that it took, which are outside of the guarantee that a resumed run is the same."""

import dataclasses
from typing import ClassVar

import pydantic

from arena.errors import ArenaError
from arena.formats.json import read_json_object, write_json
from arena.formats.validation import Whole, sentence, validate
from arena.run_folder.folder import RunDir

ATTEMPTS_VERSION = 1
"""Version of the form of `attempts.json`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attempt:
    """One worker process of a run."""

    __pydantic_config__: ClassVar = pydantic.ConfigDict(extra="forbid")

    started: str
    """Local time at which the process began, in ISO 8601."""
    env_steps: Whole
    """Env steps of the checkpoint from which it resumed; 0 where it began anew."""
    notes: tuple[str, ...] = ()
    """Sentences about damaged checkpoints."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Attempts:
    """The form of `attempts.json`."""

    schema_version: int
    attempts: tuple[Attempt, ...]


def read_attempts(files: RunDir) -> tuple[Attempt, ...]:
    """Returns the attempts of a run so far; none if it has no `attempts.json`.

    Raises:
        ArenaError: if the file is not what this program writes.
    """
    if files.folder.kind(files.attempts.name) is None:
        return ()
    try:
        document: _Attempts = validate(_Attempts, read_json_object(files.attempts))
    except pydantic.ValidationError as error:
        raise ArenaError(f"{files.attempts}: {sentence(error)}; it was not written by this version of arena-rl") from error
    if document.schema_version != ATTEMPTS_VERSION:
        raise ArenaError(f"{files.attempts} has schema_version {document.schema_version}, and this version reads {ATTEMPTS_VERSION}")
    return document.attempts


def add_attempt(files: RunDir, attempt: Attempt) -> int:
    """Adds an attempt to `attempts.json`, atomically, and returns the number of attempts; a damaged file is begun anew."""
    try:
        earlier = read_attempts(files)
    except ArenaError:
        earlier = ()
    document = _Attempts(schema_version=ATTEMPTS_VERSION, attempts=(*earlier, attempt))
    write_json(files.attempts, dataclasses.asdict(document))
    return len(document.attempts)
