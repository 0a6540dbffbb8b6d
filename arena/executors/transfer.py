"""Transfer of a run folder between machines: what has changed in it since the last look, and how a copy takes that over.

At every moment the copy is a folder that a worker can resume from: files that only grow arrive before the checkpoint that counts on
them, a checkpoint before the pointer to it, and `result.json` last, once the worker has ended. What a checkpoint shares with the one before
is sent once.
"""

import dataclasses
import os
import zlib
from collections.abc import Iterable
from pathlib import Path

from arena.errors import ArenaError
from arena.formats.folders import Folder
from arena.formats.trees import files_below
from arena.run_folder.checkpoint_seal import read_seal
from arena.run_folder.folder import RunDir

CHECKPOINTS = "checkpoint/"
POINTER = "checkpoint/latest.json"
RESULT = "result.json"
SHARED = "agent/segments/"
"""Beginning of the names of files that a checkpoint may share with the one before."""
MAX_PIECE_BYTES = 2**34
"""Largest size of a file that is sent; a checkpoint's replay buffer of images can take gigabytes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """A whole file, or bytes that were appended to one."""

    name: str
    """Path below the run folder, with `/`."""
    content: bytes
    offset: int = 0
    """Byte of the file at which `content` begins and up to which the file stays; 0 replaces the file."""
    same_as: str = ""
    """Name of a file that was sent earlier and has the same content, which is then left out; empty where `content` is the content."""


def lay_down(path: Path, pieces: Iterable[Piece]) -> None:
    """Writes pieces, in their order, into the run folder `path`, and drops the checkpoints that they supersede.

    Raises:
        OSError: if a piece is missing before one that was appended to a file, or that is the same as another.
    """
    for piece in pieces:
        folder = Folder(path)
        folder.make(piece.name.rpartition("/")[0])
        if piece.same_as:
            folder.remove(piece.name)
            folder.link(piece.same_as, piece.name)
        elif piece.offset:
            with folder.open(piece.name, "ab") as file:
                if os.fstat(file.fileno()).st_size < piece.offset:
                    raise OSError(f"{path / piece.name} ends before byte {piece.offset}")
                file.truncate(piece.offset)
                file.write(piece.content)
                file.flush()
                os.fsync(file.fileno())
        else:
            folder.write(piece.name, piece.content)
        if piece.name == POINTER and (checkpoints := RunDir(path).checkpoints()):
            RunDir(path).commit_checkpoint(*checkpoints)


def read_folder(path: Path) -> list[Piece]:
    """Returns the whole run folder `path`, in the order in which it must be laid down."""
    return FolderWatch(path).changes(ended=True)


class FolderWatch:
    """Finds what has changed in a run folder in which a worker is at work.

    Args:
        path: the run folder.
        known: files that the other side has already.
        checkpoints: whether checkpoints are transferred too.
        appends: whether only the new end of a file that has grown is transferred.
    """

    def __init__(self, path: Path, known: Iterable[Piece] = (), *, checkpoints: bool = True, appends: bool = True) -> None:
        self._path, self._checkpoints, self._appends = path, checkpoints, appends
        self._stat: dict[str, tuple[int, int]] = {}
        self._known: dict[str, tuple[int, int]] = {}  # size, checksum
        self._pointer: bytes | None = None
        self._sent: dict[str, dict[str, str]] = {}  # checkpoint -> its files, each with what its seal says of it
        for piece in known:
            self._known[piece.name] = len(piece.content), zlib.crc32(piece.content)
            if piece.name == POINTER:
                self._pointer = piece.content
            elif piece.name.startswith(CHECKPOINTS):
                self._sent.setdefault(piece.name.split("/")[1], {})

    def changes(self, *, ended: bool) -> list[Piece]:
        """Returns what is new since the last call; `result.json` only where the worker has `ended`."""
        checkpoint = self._checkpoint() if self._checkpoints else []  # before the files that it counts on
        names = [name for name in _names(self._path) if not name.startswith(CHECKPOINTS) and name != RESULT]
        records = [piece for name in names if (piece := self._record(name))]
        result = self._record(RESULT) if ended else None
        return [*records, *checkpoint, *([result] if result else [])]

    def has_new_checkpoint(self) -> bool:
        """Returns whether there is a checkpoint that no earlier call of `changes` has returned."""
        pointer = _read(self._path, POINTER)
        return pointer is not None and pointer != self._pointer

    def _record(self, name: str) -> Piece | None:
        try:
            stat = (self._path / name).lstat()
        except FileNotFoundError:
            return None
        if self._stat.get(name) == (stat.st_size, stat.st_mtime_ns):
            return None
        if (content := _read(self._path, name)) is None:
            return None
        size, checksum = self._known.get(name, (0, 0))
        self._stat[name] = stat.st_size, stat.st_mtime_ns
        self._known[name] = len(content), zlib.crc32(content)
        is_prefix = size <= len(content) and zlib.crc32(content[:size]) == checksum  # else cut back to a checkpoint, or written anew
        if is_prefix and size and size == len(content):
            return None
        return Piece(name, content[size:], size) if is_prefix and self._appends else Piece(name, content)

    def _checkpoint(self) -> list[Piece]:
        while self.has_new_checkpoint():  # again where the worker commits the next one in the meantime
            pointer, directories = _read(self._path, POINTER), RunDir(self._path).checkpoints()
            if pointer is None or not directories:
                break
            pieces, sent = list[Piece | None](), dict(self._sent)
            for directory in reversed(directories):
                if directory.name not in sent:
                    pieces += self._whole(directory.name, sent)
            if pieces and None not in pieces and _read(self._path, POINTER) == pointer:
                self._pointer = pointer
                self._sent = {directory.name: sent[directory.name] for directory in directories}
                return [*(piece for piece in pieces if piece is not None), Piece(POINTER, pointer)]
        return []

    def _whole(self, directory: str, sent: dict[str, dict[str, str]]) -> list[Piece | None]:
        """Returns all files of a checkpoint, None for one that is gone, and adds it to those that were `sent`."""
        seals, pieces = _seals(self._path, directory), list[Piece | None]()
        known = {f"{CHECKPOINTS}{other}/{name}": seal for other, files in sent.items() for name, seal in files.items()}
        for name in _names(self._path / CHECKPOINTS / directory):
            path = f"{CHECKPOINTS}{directory}/{name}"
            same = next((other for other, seal in known.items() if seal == seals.get(name)), "")
            content = b"" if same else _read(self._path, path)
            pieces.append(None if content is None else Piece(path, content, same_as=same))
        sent[directory] = seals
        return pieces or [None]


def _seals(path: Path, directory: str) -> dict[str, str]:
    """Returns the SHA-256 of each segment that a checkpoint shares with others, by its name in the checkpoint; none without a seal."""
    try:
        seal = read_seal(Folder(path), f"{CHECKPOINTS}{directory}")
    except (ArenaError, OSError):
        return {}
    return {name: sealed.sha256 for name, sealed in seal.files.items() if name.startswith(SHARED)}


def _names(path: Path) -> list[str]:
    """Returns the files below `path` that are not hidden."""
    files = [file.relative_to(path) for file in files_below(path)]
    return sorted(file.as_posix() for file in files if not any(part.startswith(".") for part in file.parts))


def _read(path: Path, name: str) -> bytes | None:
    try:
        return Folder(path).read(name, max_bytes=MAX_PIECE_BYTES)
    except FileNotFoundError:
        return None
