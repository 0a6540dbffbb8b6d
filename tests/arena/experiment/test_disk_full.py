"""A disk without room: that run fails with the reason, nobody sees a traceback, and the same command resumes it exactly.

A limit on the size of files stands for the disk: the operating system refuses the same writes, wherever in a file they come, and no
administrator is needed to make a small disk.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from arena.experiment import runner
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.formats import disk
from arena.formats.disk import DiskFull
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord
from benchmarks.run_differences import run_differences

TABLE = """\
name = "runs"
agents = ["arena.testing.fakes:FAKE_AGENT"]
envs = ["arena/Identity-v0"]
seeds = 2
checkpoint_period = 500
log_period = 250
[budget]
env_steps = 3000
[evaluation]
period = 1000
episodes = 5
final_episodes = 10
[resources]
workers = 1
"""
RUNS = [f"runs/fake/arena-Identity-v0/seed-{seed}" for seed in (0, 1)]


def arena(folder: Path, output: Path, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the experiment; no file may become larger than `limit` bytes."""
    (folder / "runs.toml").write_text(TABLE)
    command = [sys.executable, "-m", "arena", "run", str(folder / "runs.toml"), "--output", str(output), "--quiet"]

    def restrict() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=restrict, env=environment)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("straight")
    assert arena(folder, folder).returncode == 0
    return folder


def fails_readably(folder: Path, ended: subprocess.CompletedProcess[str]) -> None:
    """Checks what an experiment without room has said and left."""
    said = " ".join((ended.stdout + ended.stderr).split())
    assert ended.returncode in (1, 2), said
    assert "the disk is full: " in said
    assert "Traceback" not in said
    for name in RUNS:
        record = RunRecord(folder / name)
        if record.files.run.exists() and (record.result is None or record.result.status != "finished"):
            assert record.result is None, "a run that lacked room can be resumed"
            assert len(record.evaluations) <= 4
            assert record.last_known()["env_steps"] <= 3_000


def resumes_exactly(folder: Path, straight: Path) -> None:
    again = arena(folder, folder)
    assert again.returncode == 0, again.stdout + again.stderr
    for name in RUNS:
        assert run_differences(folder / name, straight / name) == []


@pytest.mark.worker
@pytest.mark.xdist_group("run with room enough")
@pytest.mark.parametrize("limit", [0, 2_200, 2_700, 3_200, 4_500])  # in the inputs, the episodes, the curves
def test_a_run_that_finds_no_room_fails_with_the_reason_and_resumes_exactly(tmp_path: Path, straight: Path, limit: int):
    fails_readably(tmp_path, arena(tmp_path, tmp_path, limit))
    resumes_exactly(tmp_path, straight)


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    return from_table(
        {"name": "test", "output": str(tmp_path), "agents": ["arena.testing.fakes:FAKE_AGENT"], "envs": ["arena/Identity-v0"]}
    )


class NoExecutor:
    def check(self, tasks: object) -> None:
        pass

    def execute(self, *arguments: object) -> None:
        raise AssertionError("nothing is begun")


def test_free_space_is_looked_at_before_anything_is_made(experiment: Experiment, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(disk, "free_bytes", lambda path: 1_000_000)
    with pytest.raises(
        DiskFull, match=r"the disk is full: an experiment takes about 16\.8 MB, and 1\.0 MB are free at .*; free some space"
    ):
        runner.run_experiment(experiment, NoExecutor())
    assert not experiment.path.exists()


def test_finished_runs_need_no_room(experiment: Experiment, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(disk, "free_bytes", lambda path: 0)
    monkeypatch.setattr(runner, "_todo", lambda *arguments, **named: ([], {}))

    class Idle(NoExecutor):
        def execute(self, *arguments: object) -> None:
            pass

    assert runner.run_experiment(experiment, Idle()) == []
    assert not RunDir(experiment.path).run.exists()
