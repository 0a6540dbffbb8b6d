"""Archives (zip) that may be a stranger's: read under bounds of size and number, and written the same for the same content."""

import io
import re
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

from arena.errors import ArenaError
from arena.formats.folders import read_file
from arena.formats.json import write_bytes

MAX_ARCHIVE_BYTES = 256 * 1024**2
"""Largest size of an archive that is read."""
MAX_CONTENT_BYTES = 512 * 1024**2
"""Largest size of all files in an archive together."""
MAX_FILES = 1_000
"""Largest number of entries in an archive."""
_ENTRY = b"PK\x01\x02"
"""First bytes of each entry in an archive's directory."""
_NAME = re.compile(r"[\w+=,.~ -]+(/[\w+=,.~ -]+)*")
_TIME = (1980, 1, 1, 0, 0, 0)
"""Time of every file, the first that an archive can hold."""


def read_archive(path: Path) -> dict[str, bytes]:
    """Returns the content of each file in an archive; nothing is written anywhere.

    Raises:
        ArenaError: If it is no archive, is too large, holds too much or too many, or a name in it leads out of it or to a link.
    """
    try:
        content = read_file(path, max_bytes=MAX_ARCHIVE_BYTES)
    except OSError as error:
        raise ArenaError(f"cannot read {path}: {error.strerror}") from error
    if content.count(_ENTRY) > MAX_FILES:  # before the directory becomes objects
        raise ArenaError(f"{path} has more than the {MAX_FILES:,} files allowed")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _contents(archive, path)
    except ArenaError:
        raise
    except Exception as error:  # zipfile's, and those of zlib, lzma and bz2, which share no class
        raise ArenaError(f"{path} is no archive that can be read: {error}") from error


def write_archive(path: Path, contents: Mapping[str, bytes]) -> None:
    """Writes files as an archive, atomically, in their order and without times: the same files make the same archive."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, (stat.S_IFREG | 0o644) << 16, 3
            archive.writestr(entry, content)
    write_bytes(path, written.getvalue())


def _contents(archive: zipfile.ZipFile, path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    room = MAX_CONTENT_BYTES
    for entry in archive.infolist():
        name = entry.filename
        if entry.is_dir():
            continue
        kind = stat.S_IFMT(entry.external_attr >> 16)
        is_outside = not _NAME.fullmatch(name) or any(part.strip(".") == "" for part in name.split("/"))
        if is_outside or kind not in (0, stat.S_IFREG) or name in found:
            raise ArenaError(f"{path}: {name!r} is a link, leads out of the archive, or is in it twice")
        with archive.open(entry) as file:
            content = file.read(room + 1)  # whatever size the directory says
        room -= len(content)
        if room < 0:
            raise ArenaError(f"{path} holds more than the {MAX_CONTENT_BYTES:,} bytes allowed")
        found[name] = content
    return found
