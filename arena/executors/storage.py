"""Run folders at a storage URI: any file system of pyarrow (file, s3, gs, hdfs)."""

import json
from pathlib import PurePosixPath
from typing import Any

from arena.errors import ArenaError
from arena.executors.transfer import CHECKPOINTS, POINTER, Piece
from arena.machine.installation import install_command


class Storage:
    """Reads and writes run folders below a URI.

    Args:
        uri: URI as `pyarrow.fs.FileSystem.from_uri` takes it.

    Raises:
        ArenaError: if pyarrow is missing or cannot use the URI.
    """

    def __init__(self, uri: str) -> None:
        try:
            from pyarrow import fs
        except ModuleNotFoundError as error:
            raise ArenaError(f"storage needs pyarrow, which is not installed: {install_command('ray')}") from error
        self._fs: Any = fs
        try:
            self._files, base = fs.FileSystem.from_uri(uri)
            self._base = PurePosixPath(base)
            self._list(self._base)
        except (OSError, ValueError) as error:
            raise ArenaError(f"cannot use the storage {uri!r} ({error}); give a URI such as file:///runs or s3://bucket/runs") from error

    def write(self, folder: str, pieces: list[Piece]) -> None:
        """Writes whole files, in their order, each atomically, into `folder`, and drops the checkpoints that they supersede."""
        for piece in pieces:
            path = self._base / folder / piece.name
            sibling = str(path.with_name(f".{path.name}.tmp"))
            self._files.create_dir(str(path.parent), recursive=True)
            if piece.same_as:
                self._files.copy_file(str(self._base / folder / piece.same_as), sibling)
            else:
                with self._files.open_output_stream(sibling) as file:
                    file.write(piece.content)
            self._files.move(sibling, str(path))
            if piece.name == POINTER:
                for other in self._list(path.parent):
                    if other.type == self._fs.FileType.Directory and other.base_name not in _directories(piece):
                        self._files.delete_dir(other.path)

    def read(self, folder: str) -> list[Piece]:
        """Returns the files of `folder` without checkpoints; none if the folder doesn't exist."""
        root = self._base / folder
        names = self._names(root)
        return [self._piece(root, name) for name in names if not name.startswith(CHECKPOINTS)]

    def read_checkpoint(self, folder: str) -> list[Piece]:
        """Returns the last checkpoints of `folder`, older first, their pointer last; none if the folder doesn't exist."""
        root = self._base / folder
        names = self._names(root)
        if POINTER not in names:
            return []
        pointer = self._piece(root, POINTER)
        folders = [f"{CHECKPOINTS}{directory}/" for directory in reversed(_directories(pointer))]
        return [*(self._piece(root, name) for folder in folders for name in names if name.startswith(folder)), pointer]

    def _names(self, root: PurePosixPath) -> list[str]:
        files = [info.path for info in self._list(root, recursive=True) if info.is_file and not info.base_name.startswith(".")]
        return sorted(PurePosixPath(path).relative_to(root).as_posix() for path in files)

    def _list(self, root: PurePosixPath, *, recursive: bool = False) -> list[Any]:
        found: list[Any] = self._files.get_file_info(self._fs.FileSelector(str(root), allow_not_found=True, recursive=recursive))
        return found

    def _piece(self, root: PurePosixPath, name: str) -> Piece:
        with self._files.open_input_stream(str(root / name)) as file:
            return Piece(name, file.read())


def _directories(pointer: Piece) -> list[str]:
    """Returns the names of the checkpoints that a pointer names, newest first."""
    value = json.loads(pointer.content)
    return [str(value[key]) for key in ("directory", "previous") if value.get(key) is not None]
