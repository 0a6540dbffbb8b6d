"""Seals of checkpoints: every change of a file is found and named."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.formats.folders import Folder, UnsafeFile
from arena.run_folder.checkpoint_seal import DamagedCheckpoint, SealedFile, check_seal, read_seal, write_seal


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint" / "one"
    (path / "agent" / "segments").mkdir(parents=True)
    for name in ("training.json", "agent/weights.npz", "agent/segments/rows.npz"):
        (path / name).write_bytes(name.encode())
    write_seal(Folder(tmp_path), "checkpoint/one")
    return path


def check(path: Path) -> None:
    check_seal(Folder(path.parent.parent), f"checkpoint/{path.name}")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_checkpoint_as_it_was_written_passes(sealed: Path):
    check(sealed)
    assert sorted(read_seal(Folder(sealed.parent.parent), "checkpoint/one").files) == [
        "agent/segments/rows.npz",
        "agent/weights.npz",
        "training.json",
    ]


@pytest.mark.parametrize("name", ["training.json", "agent/weights.npz", "agent/segments/rows.npz"])
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (flip, r"has another content than was written \(SHA-256\)"),
        (lambda path: os.truncate(path, 3), r"has 3 bytes, and \d+ were written"),
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.rename(path.with_name("moved")), r"moved was added|is missing"),
    ],
)
def test_any_change_is_named_with_its_file(sealed: Path, name: str, damage: Callable[[Path], None], words: str):
    damage(sealed / name)
    with pytest.raises(DamagedCheckpoint, match=words):
        check(sealed)


def test_a_file_that_was_added_is_named(sealed: Path):
    (sealed / "agent" / "extra.npz").touch()
    with pytest.raises(DamagedCheckpoint, match=r"extra\.npz was added"):
        check(sealed)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema_version": 1}', b'{"schema_version": 1, "files": {"a": 3}}', b"\xff"])
def test_a_seal_that_is_no_seal_is_damage(sealed: Path, content: bytes):
    (sealed / "manifest.json").write_bytes(content)
    with pytest.raises(DamagedCheckpoint, match=r"manifest\.json"):
        check(sealed)


def test_a_missing_seal_is_damage(sealed: Path):
    (sealed / "manifest.json").unlink()
    with pytest.raises(DamagedCheckpoint, match=r"manifest\.json"):
        check(sealed)


def test_a_later_versions_seal_is_refused_and_no_damage(sealed: Path):
    file = sealed / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema_version": 2}))
    with pytest.raises(ArenaError, match="schema_version 2, and this version of arena-rl reads 1") as caught:
        check(sealed)
    assert not isinstance(caught.value, DamagedCheckpoint)


def test_a_link_in_a_checkpoint_is_refused(sealed: Path, tmp_path: Path):
    (sealed / "training.json").rename(tmp_path / "elsewhere.json")
    (sealed / "training.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(UnsafeFile, match=r"training\.json is a link"):
        check(sealed)


def test_what_is_known_is_not_read_again(sealed: Path, tmp_path: Path):
    known = {"training.json": SealedFile(num_bytes=1, sha256="0" * 64)}
    write_seal(Folder(tmp_path), "checkpoint/one", known)
    with pytest.raises(DamagedCheckpoint, match=r"training\.json has 13 bytes, and 1 were written"):
        check(sealed)
