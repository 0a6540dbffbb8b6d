"""Errors of the operating system, and files that a user asks for."""

import errno
import os
from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.formats.system_errors import refuse_unwritable, system_error_sentence, write_output


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EACCES, "change its permissions, or give another place"),
        (errno.EROFS, "give another place"),
        (errno.ENOENT, "check the name"),
        (errno.EMFILE, "raise the limit of open files (ulimit -n)"),
        (errno.ENOSPC, "free some space, and repeat the command"),
        (errno.EDQUOT, "free some space, and repeat the command"),
    ],
)
def test_an_error_names_the_file_and_a_remedy(number: int, remedy: str) -> None:
    sentence = system_error_sentence(OSError(number, os.strerror(number), "/runs/x.json"))
    assert sentence is not None
    assert "/runs/x.json" in sentence
    assert os.strerror(number) in sentence
    assert remedy in sentence


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOSPC, errno.ENOMEM])
def test_an_error_of_no_file_has_a_remedy_too(number: int) -> None:
    sentence = system_error_sentence(OSError(number, os.strerror(number)))
    assert sentence is not None
    assert "None" not in sentence


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EEXIST, errno.ENOTDIR])
def test_an_error_of_a_file_that_is_not_named_has_no_sentence(number: int) -> None:
    assert system_error_sentence(OSError(number, os.strerror(number))) is None, "check which name?"


def test_what_no_user_can_act_on_has_no_sentence() -> None:
    assert system_error_sentence(OSError("no number")) is None
    assert system_error_sentence(OSError(errno.EBADF, "Bad file descriptor")) is None


def test_a_file_is_written_with_the_folders_that_lead_to_it(tmp_path: Path) -> None:
    write_output(tmp_path / "a" / "b.csv", b"x")
    assert (tmp_path / "a" / "b.csv").read_bytes() == b"x"


def test_a_folder_and_a_file_in_the_way_are_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ArenaError, match="it is a folder; give the name of a file"):
        refuse_unwritable(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ArenaError, match="file is a file and no folder; give another place"):
        write_output(tmp_path / "file" / "b" / "c.csv", b"")
    with pytest.raises(ArenaError, match="give a shorter name"):
        refuse_unwritable(tmp_path / f"{'a' * 300}.csv")
    refuse_unwritable(tmp_path / "not" / "yet" / "there.csv")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"], "nothing was made"


def test_a_folder_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(ArenaError, match=r"cannot write .*x\.csv: the folder .* is not writable; give another place"):
        refuse_unwritable(tmp_path / "sub" / "x.csv")


def test_a_write_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArenaError, match=r"cannot write .*x\.csv: the disk is full: .*; free some space"):
        write_output(tmp_path / "x.csv", b"x")


def test_a_link_is_refused_before_the_work_whose_outcome_it_would_hold(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(tmp_path / "elsewhere.csv")
    with pytest.raises(ArenaError, match=r"link\.csv is a link"):
        refuse_unwritable(tmp_path / "link.csv")
