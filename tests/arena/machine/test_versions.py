import importlib.metadata
import shutil
import subprocess

import pytest

from arena.machine.versions import git_commit, package_versions


def test_package_versions_tell_what_is_missing():
    versions = package_versions(["numpy", "no-such-distribution"])
    assert versions == {"numpy": importlib.metadata.version("numpy"), "no-such-distribution": None}


def git(directory, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(directory), *identity, *arguments], check=True, capture_output=True)


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_git_commit_knows_a_clean_tree_from_a_changed_one(tmp_path):
    git(tmp_path, "init", "-q")
    assert git_commit(tmp_path) is None  # no commit yet
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "first")
    clean = git_commit(tmp_path)
    assert clean is not None
    assert len(clean["commit"]) >= 40
    assert clean["dirty"] is False
    (tmp_path / "untracked").write_text("1")
    assert git_commit(tmp_path) == clean
    (tmp_path / "a").write_text("2")
    assert git_commit(tmp_path) == {**clean, "dirty": True}


def test_git_commit_without_folder_or_git_is_none(tmp_path, monkeypatch):
    assert git_commit(tmp_path / "absent") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_commit(tmp_path) is None


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_git_commit_starts_no_program_that_a_repository_names(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("1")
    (tmp_path / ".gitattributes").write_text("a filter=theirs\n")
    git(tmp_path, "add", "a", ".gitattributes")
    git(tmp_path, "commit", "-qm", "first")
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\ncat\n")
    program.chmod(0o755)
    keys = ("core.fsmonitor", "filter.theirs.clean", "filter.theirs.process", "core.sshCommand", "core.pager", "diff.external")
    for key in keys:
        git(tmp_path, "config", key, str(program))
    (tmp_path / "a").write_text("2")
    found = git_commit(tmp_path)
    assert found is not None
    assert found["dirty"] is True
    assert not (tmp_path / "ran").exists()
