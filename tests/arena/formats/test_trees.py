"""Files below a folder in which another process is at work."""

import os
import shutil
from pathlib import Path

import pytest

from arena.formats.trees import files_below


def test_files_and_links_are_found_and_links_are_not_followed(tmp_path: Path):
    (tmp_path / "tree" / "a").mkdir(parents=True)
    (tmp_path / "tree" / "a" / "file").touch()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").touch()
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "outside")
    assert {path.relative_to(tmp_path / "tree").as_posix() for path in files_below(tmp_path / "tree")} == {"a/file", "link"}
    assert list(files_below(tmp_path / "nothing")) == []


def test_a_folder_that_vanishes_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in (".private-1", "kept"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    scandir = os.scandir

    def slow_scandir(path: object):
        if Path(str(path)).name == ".private-1":
            shutil.rmtree(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", slow_scandir)
    assert list(files_below(tmp_path)) == [tmp_path / "kept" / "file"]
