import stat
import struct
import zipfile
from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.formats import archives
from arena.formats.archives import read_archive, write_archive


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.zip"


def test_what_was_written_is_read_and_equal_files_make_equal_archives(path: Path, tmp_path: Path):
    contents = {"README.md": b"card", "policies/a-b_0.onnx": bytes(1_000)}
    write_archive(path, contents)
    write_archive(tmp_path / "b.zip", contents)
    assert read_archive(path) == contents
    assert path.read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "a/..", "C:\\a", "a\\..\\b", "a//b", "./a", "a\nb", "a/./b", "..."])
def test_names_that_lead_elsewhere_are_refused(path: Path, name: str):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("good", b"")
        archive.writestr(zipfile.ZipInfo(name), b"x")
    with pytest.raises(ArenaError, match=r"^\S+a\.zip: .* leads out of the archive"):
        read_archive(path)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(path: Path, kind: int):
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = (kind | 0o777) << 16
        archive.writestr(entry, b"/etc/passwd")
    with pytest.raises(ArenaError, match=r"^\S+a\.zip: 'link' is a link"):
        read_archive(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(path: Path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"1")
        archive.writestr("a", b"2")
    with pytest.raises(ArenaError, match="twice"):
        read_archive(path)


def test_archives_that_swell_are_refused_whatever_they_say(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archives, "MAX_CONTENT_BYTES", 10_000)
    write_archive(path, {"a": bytes(5_000), "b": bytes(5_001)})
    with pytest.raises(ArenaError, match="more than the 10,000 bytes allowed"):
        read_archive(path)
    content = path.read_bytes().replace(struct.pack("<I", 5_001), struct.pack("<I", 1))
    path.write_bytes(content)
    with pytest.raises(ArenaError, match=r"no archive|allowed"):
        read_archive(path)


def test_too_many_files_and_too_large_archives_are_refused(path: Path, monkeypatch: pytest.MonkeyPatch):
    write_archive(path, {f"f{index}": b"" for index in range(1_001)})
    with pytest.raises(ArenaError, match="more than the 1,000 files"):
        read_archive(path)
    monkeypatch.setattr(archives, "MAX_ARCHIVE_BYTES", 100)
    with pytest.raises(ArenaError, match=r"a\.zip"):
        read_archive(path)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_archive_is_refused(path: Path, content: bytes):
    path.write_bytes(content)
    with pytest.raises(ArenaError, match="no archive that can be read"):
        read_archive(path)


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
def test_a_damaged_archive_is_refused(path: Path, keep: float):
    write_archive(path, {"a": bytes(range(256)) * 40})
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(ArenaError, match=r"a\.zip"):
        read_archive(path)


def test_a_link_to_an_archive_is_refused(path: Path, tmp_path: Path):
    write_archive(path, {"a": b""})
    (tmp_path / "link.zip").symlink_to(path)
    with pytest.raises(ArenaError, match="link"):
        read_archive(tmp_path / "link.zip")
