"""Folders whose files are reached through descriptors, so that no link, pipe or device in them leads out or blocks.

A `Folder` is named by the user, who may give a link to it. Everything below is another matter: the folder may come from a stranger. Each
part of a name below it is opened from the descriptor of the part before, without following links (`O_NOFOLLOW`), and nothing but regular
files is read or written. Whatever else lies there is refused by its name.
"""

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from arena.errors import ArenaError

Kind = Literal["file", "folder", "link", "other"]
"""Kind of a directory's entry; `other` is a pipe, a socket or a device."""
PRIVATE_PREFIX = ".private-"
"""Beginning of the names of the folders that `Folder.private` makes; one that is left over belonged to a killed process."""
_HALF_WRITTEN = re.compile(r"\..+\.([0-9]+)\.tmp")
"""Name of a file that `Folder.write` is writing, with the number of the process that does it."""
MAX_DEPTH = 64
"""Largest number of folders inside each other that `Folder.check` looks into; what is written here has fewer than ten."""
_OPEN_FLAGS = {"rb": os.O_RDONLY, "ab": os.O_RDWR | os.O_CREAT | os.O_APPEND, "xb": os.O_WRONLY | os.O_CREAT | os.O_EXCL}
_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)  # Windows has neither this nor the next
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NO_BLOCK = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)


OPENS_IN_FOLDERS = os.open in os.supports_dir_fd
"""Whether this platform opens files relative to a folder held by a descriptor."""


class UnsafeFile(ArenaError):
    """Raised for an entry of a folder that is not what it must be: a link, a pipe, a device, a file with several names, or too large."""


class Entry(NamedTuple):
    """An entry of a directory."""

    name: str
    kind: Kind
    num_bytes: int
    modified_seconds: float
    """Time of the last change, in seconds since the epoch."""
    num_names: int
    """Number of hard links; a file that has more than one is part of another folder too."""


class Folder:
    """A folder and everything below it. Names are relative to it, with `/` between their parts.

    Methods raise `UnsafeFile` where a name leads over a link, or to something that is not what the method needs, and OSError as the
    operating system does.

    Args:
        path: the folder, which need not exist; it may be given as a link.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: int | None = None

    def hold(self) -> None:
        """Keeps to the folder that lies at the path now: whatever comes to lie there later is refused, and a missing one is not made again.

        The folder stays held until the end of the process.
        """
        self._held = os.open(self.path, _DIRECTORY)

    def refuse_another(self) -> None:
        """Refuses to go on if the folder that is held was deleted or renamed.

        Raises:
            UnsafeFile: names the folder.
        """
        with self._opened(""):
            pass

    def kind(self, name: str) -> Kind | None:
        """Returns the kind of an entry, itself not followed; None if there is none."""
        try:
            with self._holder(name) as (holder, last):
                return _kind(os.lstat(last, dir_fd=holder).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def entries(self, name: str = "") -> list[Entry]:
        """Returns what is in the folder `name`, sorted by name; nothing where there is no such folder."""
        try:
            with self._opened(name) as descriptor, os.scandir(descriptor) as found:
                return sorted(entry for each in found if (entry := _entry(each)) is not None)
        except (FileNotFoundError, NotADirectoryError):
            return []

    def open(self, name: str, mode: Literal["rb", "ab", "xb"] = "rb") -> BinaryIO:
        """Opens a regular file to be read, appended to (it is made if it is missing), or made; never blocks.

        A file that is appended to must have one name only: through another, what belongs elsewhere would be changed.
        """
        with self._holder(name) as (holder, last):
            self._refuse_special(holder, last, name)
            try:
                flags = _OPEN_FLAGS[mode] | _NO_FOLLOW | _NO_BLOCK
                file = os.fdopen(os.open(last, flags, 0o666, dir_fd=holder), mode)
            except OSError as error:
                self._refuse_special(holder, last, name)
                raise type(error)(error.errno, error.strerror, str(self.path / name)) from None
        status = os.fstat(file.fileno())
        problem = "" if stat.S_ISREG(status.st_mode) else f"{self.path / name} is {_NOUNS['other']}; delete it"
        if mode == "ab" and status.st_nlink > 1:
            problem = f"{self.path / name} has {status.st_nlink} names (hard links), and all would change; put a copy in its place"
        if problem:
            file.close()
            raise UnsafeFile(problem)
        return file

    def read(self, name: str, *, max_bytes: int) -> bytes:
        """Returns the content of a regular file of at most `max_bytes`."""
        with self.open(name) as file:
            content = b"" if os.fstat(file.fileno()).st_size > max_bytes else file.read(max_bytes + 1)
            if len(content) > max_bytes or os.fstat(file.fileno()).st_size > max_bytes:
                raise UnsafeFile(f"{self.path / name} has more than the {max_bytes:,} bytes that such a file may have")
        return content

    def write(self, name: str, content: bytes, *, durable: bool = True) -> None:
        """Replaces the content of a file atomically; if it is to be `durable`, waits until the disk has it, as a power cut asks for."""
        with self._holder(name) as (holder, last):
            self._refuse_special(holder, last, name)
            sibling = f".{last}.{os.getpid()}.tmp"
            try:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(sibling, dir_fd=holder)  # left by a killed process of the same number
                with os.fdopen(os.open(sibling, _OPEN_FLAGS["xb"] | _NO_FOLLOW, 0o666, dir_fd=holder), "wb") as file:
                    file.write(content)
                    file.flush()
                    if durable:
                        os.fsync(file.fileno())
                os.rename(sibling, last, src_dir_fd=holder, dst_dir_fd=holder)
                if durable:
                    os.fsync(holder)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(sibling, dir_fd=holder)

    def make(self, name: str = "") -> None:
        """Makes the folder `name`, with those that lead to it; each may exist."""
        if self._held is None:
            self.path.mkdir(parents=True, exist_ok=True)
        with self._opened(name, make=True):
            pass

    def move(self, source: str, target: str) -> None:
        """Renames a file or folder, atomically; a file at `target` is replaced, and an empty folder by a folder."""
        with self._holder(source) as (holder, last), self._holder(target) as (new_holder, new_last):
            for descriptor, part, name in ((holder, last, source), (new_holder, new_last, target)):
                self._refuse_special(descriptor, part, name, folders=True)
            os.rename(last, new_last, src_dir_fd=holder, dst_dir_fd=new_holder)

    def link(self, source: str, target: str) -> None:
        """Gives a regular file a second name (a hard link), or copies it where the file system has no second names."""
        with self._holder(source) as (holder, last), self._holder(target) as (new_holder, new_last):
            self._refuse_special(holder, last, source)
            try:
                os.link(last, new_last, src_dir_fd=holder, dst_dir_fd=new_holder, follow_symlinks=False)
                return
            except (FileNotFoundError, FileExistsError):
                raise
            except OSError:  # a file system without hard links, or a file that has as many names as it can
                pass
        with self.open(source) as file, self.open(target, "xb") as copy:
            shutil.copyfileobj(file, copy)
            copy.flush()
            os.fsync(copy.fileno())

    def sync(self, name: str = "") -> None:
        """Waits until a file's content, or the names in a folder, would survive a loss of power."""
        if not name or self.kind(name) == "folder":
            with self._opened(name) as descriptor:
                os.fsync(descriptor)
        else:
            with self.open(name) as file:
                os.fsync(file.fileno())

    def sha256(self, name: str) -> str:
        """Returns the SHA-256 of a regular file's content, in hexadecimal digits."""
        with self.open(name) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # a BufferedReader, which has `readinto`

    def stamp(self, name: str) -> tuple[int, int, int]:
        """Returns a regular file's number on its disk, its size, and the time of its last change; a file that was changed has another."""
        with self.open(name) as file:
            status = os.fstat(file.fileno())
        return status.st_ino, status.st_size, status.st_mtime_ns

    def files(self, name: str = "") -> list[str]:
        """Returns the regular files below the folder `name` at any depth, by names that are relative to it, sorted.

        Raises:
            UnsafeFile: if something else than a file or a folder is there, or folders more than `MAX_DEPTH` deep.
        """
        found = []
        if name.count("/") > MAX_DEPTH:
            raise self._too_deep(name.partition("/")[0])
        for entry in self.entries(name):
            path = f"{name}/{entry.name}" if name else entry.name
            if entry.kind == "folder":
                found += [f"{entry.name}/{inner}" for inner in self.files(path)]
            elif entry.kind == "file":
                found.append(entry.name)
            else:
                raise self._refusal(path, entry.kind)
        return sorted(found)

    def remove(self, name: str) -> None:
        """Removes a file, or a folder with everything in it; it may be missing. Links inside are removed, not followed."""
        try:
            with self._holder(name) as (holder, last):
                kind = _kind(os.lstat(last, dir_fd=holder).st_mode)
                if kind == "link":
                    raise self._refusal(name, kind)
                if kind == "folder":
                    try:
                        shutil.rmtree(last, dir_fd=holder)
                    except RecursionError:
                        raise self._too_deep(name) from None
                else:
                    os.unlink(last, dir_fd=holder)
        except (FileNotFoundError, NotADirectoryError):
            return

    def clear_remains(self, name: str = "") -> None:
        """Removes what killed processes of this machine have left in the folder `name`: private folders, and files half written.

        Only for whoever alone works in the folder: a private folder that is in use looks like one that is left.
        """
        for entry in self.entries(name):
            half_written = _HALF_WRITTEN.fullmatch(entry.name)
            if entry.name.startswith(PRIVATE_PREFIX) or (half_written and _has_ended(int(half_written[1]))):
                self.remove(f"{name}/{entry.name}" if name else entry.name)

    def check(self, name: str) -> None:
        """Refuses an entry that is, or holds at any depth, anything else than regular files and folders; it may be missing."""
        kind = self.kind(name)
        if kind in ("link", "other"):
            raise self._refusal(name, kind)
        if name.count("/") > MAX_DEPTH:
            raise self._too_deep(name.partition("/")[0])
        for entry in self.entries(name) if kind == "folder" else ():
            self.check(f"{name}/{entry.name}")

    @contextlib.contextmanager
    def private(self) -> Iterator[str]:
        """Makes a fresh folder, whose name nobody can have foreseen, for files that other code writes by itself; removes it at the end.

        Yields:
            Its name. What is to stay is moved elsewhere by `move`.
        """
        name = f"{PRIVATE_PREFIX}{secrets.token_hex(8)}"
        with self._holder(name) as (holder, last):
            os.mkdir(last, dir_fd=holder)
        try:
            yield name
        finally:
            self.remove(name)

    @contextlib.contextmanager
    def _holder(self, name: str) -> Iterator[tuple[int, str]]:
        """Yields a descriptor of the folder that holds an entry, and the entry's own name."""
        *above, last = _parts(name) or ("",)
        if not last:
            raise ValueError("an entry of a folder needs a name")
        with self._opened("/".join(above)) as descriptor:
            yield descriptor, last

    @contextlib.contextmanager
    def _opened(self, name: str, *, make: bool = False) -> Iterator[int]:
        """Yields a descriptor of the folder `name`."""
        if not OPENS_IN_FOLDERS:
            raise ArenaError(f"cannot open {self.path} safely: this platform opens no files relative to a folder; use Linux, macOS or WSL")
        descriptor = self._open_root()
        try:
            passed = ""
            for part in _parts(name):
                passed = f"{passed}/{part}".lstrip("/")
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, dir_fd=descriptor)
                try:
                    inner = os.open(part, _DIRECTORY | _NO_FOLLOW, dir_fd=descriptor)
                except OSError as error:
                    kind = _kind_there(descriptor, part)
                    if kind in ("link", "other") or (make and kind == "file"):
                        raise self._refusal(passed, kind) from None
                    raise type(error)(error.errno, error.strerror, str(self.path / passed)) from None
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)

    def _open_root(self) -> int:
        try:
            descriptor = os.open(self.path, _DIRECTORY)  # the user's own: it may be a link
        except FileNotFoundError:
            if self._held is None:
                raise
            raise self._gone() from None
        if self._held is not None and not os.path.samestat(os.fstat(descriptor), os.fstat(self._held)):
            os.close(descriptor)
            raise self._gone()
        return descriptor

    def _gone(self) -> UnsafeFile:
        return UnsafeFile(f"{self.path} was deleted or renamed while it was worked in")

    def _refuse_special(self, holder: int, last: str, name: str, *, folders: bool = False) -> None:
        """Refuses an entry that is there and neither a regular file nor, where `folders` allows it, a folder."""
        kind = _kind_there(holder, last)
        if kind not in (None, "file") and not (folders and kind == "folder"):
            raise self._refusal(name, kind)

    def _too_deep(self, name: str) -> UnsafeFile:
        return UnsafeFile(f"{self.path / name} has folders more than {MAX_DEPTH} deep inside each other, as nothing here makes; delete it")

    def _refusal(self, name: str, kind: Kind | None) -> UnsafeFile:
        advice = "put what it leads to in its place, or delete it" if kind == "link" else "delete it, or move it away"
        return UnsafeFile(f"{self.path / name} is {_NOUNS.get(kind or 'other')}, which is never followed or changed here; {advice}")


_NOUNS: dict[str, str] = {
    "file": "a file and no folder",
    "folder": "a folder and no file",
    "link": "a link",
    "other": "a pipe, a socket or a device and no regular file",
}


def _has_ended(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    return process_id == os.getpid()  # an earlier process of the same number


def read_file(path: Path, *, max_bytes: int) -> bytes:
    """Returns the content of a file as `Folder.read` does; the folder that holds it may be given as a link, the file may not."""
    return Folder(path.parent).read(path.name, max_bytes=max_bytes)


def refuse_link(path: Path) -> None:
    """Refuses a path whose last part is a link; what leads to it may be one.

    Raises:
        UnsafeFile: if it is a link.
    """
    if path.is_symlink():
        raise UnsafeFile(f"{path} is a link, which is never followed or changed here; put what it leads to in its place, or delete it")


def _parts(name: str) -> tuple[str, ...]:
    parts = tuple(name.split("/")) if name else ()
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise UnsafeFile(f"{name!r} does not name anything inside of a folder")
    return parts


def _kind(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "other"


def _kind_there(holder: int, last: str) -> Kind | None:
    try:
        return _kind(os.lstat(last, dir_fd=holder).st_mode)
    except OSError:
        return None


def _entry(found: os.DirEntry[str]) -> Entry | None:
    try:
        status = found.stat(follow_symlinks=False)
    except FileNotFoundError:  # removed in the meantime
        return None
    return Entry(found.name, _kind(status.st_mode), status.st_size, status.st_mtime, status.st_nlink)
