"""The scripts' own set-up of the project's environments."""

import sys
from pathlib import Path

import pytest

import setup_env


def test_a_linked_environment_is_never_set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / ".venv").symlink_to(elsewhere)
    lock = tmp_path / "lock.txt"
    lock.write_text("")
    installed = []
    monkeypatch.setattr(setup_env, "_install", installed.append)
    with pytest.raises(SystemExit, match="is a link"):
        setup_env.enter(setup_env.Environment(tmp_path / ".venv", lock, ""))
    assert not installed
    assert not list(elsewhere.iterdir())


def test_inside_a_linked_environment_that_is_ready_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "bin").mkdir(parents=True)
    (elsewhere / "bin" / "python").touch()
    (tmp_path / ".venv").symlink_to(elsewhere)
    lock = tmp_path / "lock.txt"
    lock.write_text("")
    environment = setup_env.Environment(tmp_path / ".venv", lock, "")
    environment.stamp.write_text(environment.fingerprint())
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.setattr(setup_env.os, "execve", lambda *_: pytest.fail("started itself again"))
    setup_env.enter(environment)
