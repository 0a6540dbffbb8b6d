import importlib.metadata
import json
import os
import shutil
import subprocess
import time

import pytest

from arena.machine import usage as system


def test_machine_info_is_json_and_plausible():
    info = system.machine_info()
    assert json.loads(json.dumps(info)) == info
    assert 1 <= info["cores_available"] <= info["cores_logical"]
    assert info["memory_bytes"] > 2**28
    assert info["cpu"]
    assert os.uname().nodename not in json.dumps(info)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the platform binds no process to cores")
def test_available_cores_follow_the_process():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert system.available_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert system.available_cores() == len(before)


def test_package_versions_tell_what_is_missing():
    versions = system.package_versions(["numpy", "no-such-distribution"])
    assert versions == {"numpy": importlib.metadata.version("numpy"), "no-such-distribution": None}


def git(directory, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(directory), *identity, *arguments], check=True, capture_output=True)


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_git_commit_knows_a_clean_tree_from_a_changed_one(tmp_path):
    git(tmp_path, "init", "-q")
    assert system.git_commit(tmp_path) is None  # no commit yet
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "first")
    clean = system.git_commit(tmp_path)
    assert clean is not None
    assert len(clean["commit"]) >= 40
    assert clean["dirty"] is False
    (tmp_path / "untracked").write_text("1")
    assert system.git_commit(tmp_path) == clean
    (tmp_path / "a").write_text("2")
    assert system.git_commit(tmp_path) == {**clean, "dirty": True}


def test_git_commit_without_folder_or_git_is_none(tmp_path, monkeypatch):
    assert system.git_commit(tmp_path / "absent") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert system.git_commit(tmp_path) is None


def test_usage_sees_work_and_memory():
    sampler = system.UsageSampler()
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    busy = sampler.sample()
    time.sleep(0.2)
    idle = sampler.sample()
    assert busy.cpu_percent > idle.cpu_percent
    assert busy.rss_bytes > 2**20
