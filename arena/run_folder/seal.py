"""The seal of a run: SHA-256 of all that it recorded, written into `result.json` when the run ends and checked whenever it is read.

It finds what was cut, overwritten, mixed up with another run's or edited by mistake. It is no signature: whoever forges a run on purpose
can write a seal that fits.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any, Protocol

from arena.errors import ArenaError
from arena.formats.json import finite
from arena.formats.readable import listed
from arena.run_folder.folder import RunDir

Seal = Mapping[str, str]
"""Name of what is sealed -> SHA-256 in hexadecimal digits."""
INPUTS, RESULT = "inputs", "result"
"""Names in a seal that stand for the inputs in `run.json`, and for all of `result.json` but the seal."""
CHUNK_BYTES = 2**20
"""Number of bytes of a file that are read together."""


class Hash(Protocol):
    """A running SHA-256, as `hashlib.sha256` makes it."""

    def copy(self) -> "Hash":
        """Returns another that continues from here."""

    def update(self, data: bytes, /) -> None:
        """Adds data."""

    def hexdigest(self) -> str:
        """Returns the SHA-256 of all data so far."""


def sealed_files(files: RunDir) -> tuple[str, ...]:
    """Returns the names of the files that a seal covers; a run need not have all of them."""
    return (*(path.name for path in files.growing), files.policy.name)


def hash_file(files: RunDir, name: str, *, to_disk: bool = False) -> Hash | None:
    """Returns the hash of a file of a run; None if it is missing.

    Args:
        files: the run folder.
        name: name of the file.
        to_disk: whether to wait until the file would survive a loss of power, so that a seal never outlives what it covers.

    Raises:
        UnsafeFile: if it is a link or no regular file.
    """
    found = hashlib.sha256()
    try:
        with files.folder.open(name) as file:
            while chunk := file.read(CHUNK_BYTES):
                found.update(chunk)
            if to_disk:
                os.fsync(file.fileno())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ArenaError(f"cannot read {files.path / name}: {error.strerror}") from error
    return found


def hash_value(value: Any) -> str:
    """Returns the SHA-256 of a value of JSON's types, the same for the value that is written and the one that is read again."""
    text = json.dumps(finite(value), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def make_seal(files: RunDir, inputs: Any, result: Mapping[str, Any]) -> dict[str, str]:
    """Returns the seal of a run that has ended, whose files are then on disk.

    Args:
        files: the run folder.
        inputs: inputs of the run as `run.json` holds them; None if it holds none that can be read.
        result: content of `result.json`.
    """
    found = {name: hash_file(files, name, to_disk=True) for name in sealed_files(files)}
    hashes = {name: each.hexdigest() for name, each in found.items() if each is not None}
    return hashes | ({} if inputs is None else {INPUTS: hash_value(inputs)}) | {RESULT: hash_value(result)}


def refuse_broken(seal: Seal, found: Seal, where: str) -> None:
    """Refuses a run whose files are not those that were sealed.

    Args:
        seal: the seal.
        found: the same of what is there now.
        where: the run folder, for the error.

    Raises:
        ArenaError: names what differs.
    """
    differing = [_NOUNS.get(name, name) for name in dict.fromkeys((*seal, *found)) if seal.get(name) != found.get(name)]
    if differing:
        raise ArenaError(f"{where} is damaged: {listed(differing)} {'is' if len(differing) == 1 else 'are'} not what the run left")


_NOUNS = {INPUTS: "the inputs in run.json", RESULT: "result.json"}
