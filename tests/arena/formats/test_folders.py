"""A folder's files are reached through no link, and nothing but regular files is opened."""

import errno
import hashlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.formats.folders import PRIVATE_PREFIX, Folder, UnsafeFile, read_file

KINDS = ("link to a file", "link to a folder", "dangling link", "pipe", "socket")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder with a file that nobody may touch."""
    path = tmp_path / "outside"
    path.mkdir()
    (path / "precious.txt").write_text("precious\n")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "inside").mkdir()
    return Folder(tmp_path / "inside")


def plant(kind: str, path: Path, outside: Path) -> None:
    if kind == "link to a file":
        path.symlink_to(outside / "precious.txt")
    elif kind == "link to a folder":
        path.symlink_to(outside)
    elif kind == "dangling link":
        path.symlink_to(outside / "absent")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        with socket.socket(socket.AF_UNIX) as endpoint:
            here = Path.cwd()
            os.chdir(path.parent)  # the names of sockets are short
            endpoint.bind(path.name)
            os.chdir(here)


OPERATIONS: dict[str, Callable[[Folder], object]] = {
    "read": lambda folder: folder.read("a", max_bytes=100),
    "open": lambda folder: folder.open("a").close(),
    "append": lambda folder: folder.open("a", "ab").close(),
    "write": lambda folder: folder.write("a", b"new"),
    "make": lambda folder: folder.make("a"),
    "move away": lambda folder: folder.move("a", "b"),
    "move over": lambda folder: (folder.write("b", b"new"), folder.move("b", "a")),
    "check": lambda folder: folder.check("a"),
    "link": lambda folder: folder.link("a", "b"),
    "sync": lambda folder: folder.sync("a"),
    "sha256": lambda folder: folder.sha256("a"),
    "stamp": lambda folder: folder.stamp("a"),
    "files": lambda folder: folder.files(),
    "entries": lambda folder: folder.entries("a"),
    "read below": lambda folder: folder.read("a/precious.txt", max_bytes=100),
    "write below": lambda folder: folder.write("a/new.txt", b"new"),
    "append below": lambda folder: folder.open("a/precious.txt", "ab").close(),
    "make below": lambda folder: folder.make("a/new"),
    "remove below": lambda folder: folder.remove("a/precious.txt"),
    "check below": lambda folder: folder.check("a/precious.txt"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_is_no_regular_file_is_refused_by_name_and_nothing_outside_changes(folder, outside, kind, operation):
    plant(kind, folder.path / "a", outside)
    with pytest.raises(UnsafeFile, match=r"inside/a.* is a "):
        OPERATIONS[operation](folder)
    assert [path.name for path in outside.iterdir()] == ["precious.txt"]
    assert (outside / "precious.txt").read_text() == "precious\n"
    assert os.path.lexists(folder.path / "a")


@pytest.mark.parametrize("kind", KINDS[:3])
def test_a_link_is_not_removed(folder, outside, kind):
    plant(kind, folder.path / "a", outside)
    with pytest.raises(UnsafeFile, match="is a link"):
        folder.remove("a")


def test_links_in_a_tree_are_removed_and_what_they_lead_to_stays(folder, outside):
    folder.make("tree/deep")
    for kind in KINDS[:4]:
        plant(kind, folder.path / "tree/deep" / kind, outside)
    folder.remove("tree")
    assert folder.entries() == []
    assert (outside / "precious.txt").read_text() == "precious\n"


@pytest.mark.parametrize("name", ["../outside/precious.txt", "/etc/passwd", "a/../../outside", ".", "a//b", "a\0b"])
def test_a_name_that_leads_out_is_refused(folder, outside, name):
    for operation in (folder.kind, folder.open, folder.remove, folder.make, folder.check):
        with pytest.raises(UnsafeFile, match="does not name anything inside"):
            operation(name)
    assert (outside / "precious.txt").exists()


def test_the_folder_itself_may_be_given_as_a_link(tmp_path, folder):
    (tmp_path / "link").symlink_to(folder.path)
    given = Folder(tmp_path / "link")
    given.write("a", b"1")
    given.make("b/c")
    assert given.read("a", max_bytes=1) == b"1"
    assert read_file(tmp_path / "link" / "a", max_bytes=1) == b"1"
    assert [(entry.name, entry.kind) for entry in given.entries()] == [("a", "file"), ("b", "folder")]
    given.remove("b")
    assert [path.name for path in folder.path.iterdir()] == ["a"]


def test_a_file_with_a_second_name_is_replaced_but_not_appended_to(folder, outside):
    os.link(outside / "precious.txt", folder.path / "a")
    with pytest.raises(UnsafeFile, match="has 2 names"):
        folder.open("a", "ab")
    folder.write("a", b"new")
    assert folder.read("a", max_bytes=10) == b"new"
    assert (outside / "precious.txt").read_text() == "precious\n"


def test_a_file_that_is_too_large_is_not_read(folder):
    with (folder.path / "a").open("wb") as file:
        file.truncate(2**40)  # a hole: a terabyte that takes no space
    with pytest.raises(UnsafeFile, match=r"inside/a has more than the 1,000 bytes"):
        folder.read("a", max_bytes=1_000)


def test_a_device_is_not_read():
    with pytest.raises(UnsafeFile, match="/dev/zero is a pipe, a socket or a device"):
        read_file(Path("/dev/zero"), max_bytes=1_000)


def test_private_folders_are_new_and_removed(folder):
    with folder.private() as one, folder.private() as other:
        assert one != other
        assert one.startswith(PRIVATE_PREFIX)
        (folder.path / one / "file").write_text("x")
        folder.move(f"{one}/file", "kept")
    assert [path.name for path in folder.path.iterdir()] == ["kept"]


@pytest.mark.parametrize("below", ["", "checkpoint"])
def test_what_a_killed_process_was_writing_is_removed_and_nothing_else(folder, below):
    process_id = os.fork()
    if process_id == 0:  # killed between the file beside it and its new name
        os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
        folder.make(below)
        folder.write(f"{below}/latest.json".lstrip("/"), b"half")
    os.waitpid(process_id, 0)
    place = folder.path / below
    [left] = place.iterdir() if below else folder.path.glob(".*")
    assert left.name == f".latest.json.{process_id}.tmp"
    kept = {"latest.json", "..1.tmp", ".hidden.tmp", "latest.json.1.tmp", f".mine.{os.getppid()}.tmp"}
    for name in kept:
        (place / name).write_text("x")
    (place / f".latest.json.{os.getpid()}.tmp").write_text("of an earlier process with the number of this one")
    (place / f"{PRIVATE_PREFIX}0123").mkdir()
    folder.clear_remains(below)
    assert {path.name for path in place.iterdir()} == kept
    folder.clear_remains("nowhere")


def test_what_is_not_there_is_an_error_of_the_operating_system_that_names_it(folder):
    assert folder.kind("a") is None
    assert folder.entries("a") == []
    folder.remove("a")
    folder.remove("a/b")
    with pytest.raises(FileNotFoundError, match=r"inside/a"):
        folder.read("a", max_bytes=1)
    with pytest.raises(FileNotFoundError, match=r"inside/a"):
        folder.write("a/b", b"")
    assert not issubclass(UnsafeFile, OSError)
    assert issubclass(UnsafeFile, ArenaError)


def deep(path: Path, depth: int) -> None:
    """Makes folders inside each other, deeper than a path can say."""
    path.mkdir()
    descriptor = os.open(path, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=descriptor)
        inner = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)


def test_folders_without_end_are_refused(tmp_path: Path):
    deep(tmp_path / "deep", 2_100)
    with pytest.raises(UnsafeFile, match=r"deep has folders more than 64 deep"):
        Folder(tmp_path).check("deep")
    with pytest.raises(UnsafeFile, match=r"deep has folders more than 64 deep"):
        Folder(tmp_path).files("deep")
    with pytest.raises(UnsafeFile, match=r"deep has folders more than 64 deep"):
        Folder(tmp_path).remove("deep")
    (tmp_path / "deep").rename(tmp_path / ".deep")
    subprocess.run(["rm", "-rf", str(tmp_path / ".deep")], check=False)


def test_a_second_name_is_the_same_file(folder):
    folder.write("a", b"content")
    folder.make("inner")
    folder.link("a", "inner/b")
    assert folder.stamp("a") == folder.stamp("inner/b")
    with pytest.raises(FileExistsError):
        folder.link("a", "inner/b")
    with pytest.raises(FileNotFoundError):
        folder.link("absent", "c")


def test_a_file_is_copied_where_the_file_system_has_no_second_names(folder, monkeypatch):
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    folder.write("a", b"content")
    monkeypatch.setattr(os, "link", refuse)
    folder.link("a", "b")
    assert folder.read("b", max_bytes=10) == b"content"
    assert folder.stamp("a")[0] != folder.stamp("b")[0]


def test_files_are_listed_at_any_depth_and_known_by_their_content(folder):
    for name in ("b", "inner/deeper/c", "inner/a"):
        folder.make(name.rpartition("/")[0])
        folder.write(name, b"abc")
    assert folder.files() == ["b", "inner/a", "inner/deeper/c"]
    assert folder.files("inner") == ["a", "deeper/c"]
    assert folder.files("absent") == []
    assert folder.sha256("b") == hashlib.sha256(b"abc").hexdigest()
    before = folder.stamp("b")
    folder.write("b", b"abd")
    assert folder.stamp("b") != before
    folder.sync("b")
    folder.sync("inner")
    folder.sync()


@pytest.mark.parametrize("what", ["deleted", "renamed", "replaced"])
def test_a_folder_that_is_held_is_not_taken_for_another(tmp_path: Path, what: str):
    folder = Folder(tmp_path / "run")
    folder.make("checkpoint")
    folder.hold()
    folder.write("checkpoint/a", b"1")
    folder.refuse_another()
    if what == "deleted":
        shutil.rmtree(folder.path)
    else:
        folder.path.rename(tmp_path / "elsewhere")
    if what == "replaced":
        folder.path.mkdir()
    for act in (folder.refuse_another, folder.make, lambda: folder.make("checkpoint"), lambda: folder.write("a", b"2"), folder.entries):
        with pytest.raises(UnsafeFile, match=r"run was deleted or renamed while it was worked in"):
            act()
    assert list(tmp_path.glob("run/*")) == []
