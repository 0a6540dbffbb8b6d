"""Supervision of real workers: whatever happens to the arena, a worker or an environment, nothing is left behind and the truth is told."""

import dataclasses
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from processes import command_of

from arena.executors.local import LocalExecutor
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table, from_toml
from arena.experiment.runner import run_experiment
from arena.formats.locks import FolderBusy, FolderLock
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult

pytestmark = pytest.mark.worker
FAKE = "arena.testing.fakes:FAKE_AGENT"
TESTS = Path(__file__).parents[2]
FIRST_EVALUATED = 6
"""Number of environments that a run makes before its first evaluation: two that are only looked at, and four to train in."""
MARK = "ARENA_TEST_MARK"
"""Environment variable by which a test knows all processes that come from it, whatever stands between."""


@pytest.fixture(autouse=True)
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A mark on all processes that come from a test; the environment of this file can be imported there."""
    monkeypatch.setenv(MARK, str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(TESTS), prepend=os.pathsep)
    monkeypatch.syspath_prepend(TESTS)
    yield str(tmp_path)
    for process in marked(str(tmp_path)):
        process.kill()


def marked(mark: str) -> list[psutil.Process]:
    """Returns the processes that come from a test and live."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:  # it has ended meanwhile, or is another user's
            continue
    return found


def wait_until_none_is_left(mark: str) -> None:
    deadline = time.monotonic() + 600.0
    while left := marked(mark):
        assert time.monotonic() < deadline, f"{left} are still there"
        time.sleep(0.05)


def experiment(folder: Path, **changes) -> Experiment:
    table = {"name": "test", "output": str(folder), "agents": [FAKE], "envs": [trouble("none")], "budget": {"env_steps": 400}}
    return from_table({**table, "evaluation": {"period": 200, "episodes": 2, "final_episodes": 3}, "checkpoint_period": 100, **changes})


def trouble(kind: str, **settings: int) -> dict:
    return {"id": "troublesome_env:Trouble-v0", "kwargs": {"trouble": kind, **settings}}


def write_file(path: Path, *, env_steps: int = 400) -> Path:
    """Writes an experiment of a slow environment, about a second for 400 env steps."""
    path.write_text(
        f"""name = "test"
agents = ["{FAKE}"]
envs = [{{ id = "troublesome_env:Trouble-v0", kwargs = {{ trouble = "slow" }} }}]
checkpoint_period = 100
budget = {{ env_steps = {env_steps} }}
evaluation = {{ period = 200, episodes = 2, final_episodes = 3 }}
"""
    )
    return path


def arena_run(file: Path, output: Path) -> list[str]:
    return [sys.executable, "-m", "arena", "run", str(file), "--output", str(output), "--quiet"]


def run_dir_of(file: Path, output: Path) -> RunDir:
    return RunDir(output / "test" / next(from_toml(file).runs()).name)


def wait_for_a_checkpoint(run_dir: RunDir) -> None:
    deadline = time.monotonic() + 600.0
    while run_dir.latest_checkpoint() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def only(results: list[RunResult]) -> RunResult:
    assert len(results) == 1
    return results[0]


@pytest.fixture(scope="module")
def hung(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunResult]:
    """Results of runs whose environments hang, by what hangs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(TESTS), prepend=os.pathsep)
        patch.syspath_prepend(TESTS)
        envs = [trouble("step", after=60), trouble("reset", after=60), trouble("step", after=3, first=FIRST_EVALUATED)]
        wanted = experiment(tmp_path_factory.mktemp("hung"), envs=envs, resources={"stall_seconds": 15.0})
        return dict(zip(("step", "reset", "evaluated"), run_experiment(wanted, LocalExecutor(3)), strict=True))


@pytest.mark.xdist_group("runs whose environments hang")
@pytest.mark.parametrize(
    ("name", "beginning", "end"),
    [
        ("step", "no progress for 15 s in training, after env step 240", "(step never returned)"),
        ("reset", "no progress for 15 s in training, after env step 236", "(reset never returned)"),
        ("evaluated", "no progress for 15 s in an evaluation, after env step 200", "(step never returned)"),
    ],
)
def test_a_call_of_the_environment_that_never_returns_ends_its_run_with_the_phase_and_the_last_step(
    hung: dict[str, RunResult], name: str, beginning: str, end: str
) -> None:
    result = hung[name]
    assert (result.status, result.reason) == ("timed_out", f"{beginning} {end}")
    assert "_make_trouble" in RunDir(Path(result.path)).log.read_text(), "the log shows where it hung"


def test_a_worker_that_runs_out_of_memory_says_so_with_its_peak(tmp_path: Path) -> None:
    result = only(run_experiment(experiment(tmp_path, envs=[trouble("memory", after=10)]), LocalExecutor()))
    assert result.status == "crashed"
    assert re.fullmatch(r"out of memory \(Unable to allocate 2\.00 EiB .*\); peak \d+\.\d GB", result.reason)


@pytest.mark.parametrize("kind", ["thread", "child"])
def test_a_thread_or_a_child_with_a_session_of_its_own_holds_no_slot_and_does_not_outlive_the_run(
    tmp_path: Path, mark: str, kind: str
) -> None:
    result = only(run_experiment(experiment(tmp_path, envs=[trouble(kind)]), LocalExecutor()))
    assert result.status == "finished"
    assert marked(mark) == [], "the end of the run is told when nothing of it is left"
    log = RunDir(Path(result.path)).log_tail()
    assert any("left after 10 s without the end of endless" in line for line in log) == (kind == "thread")


KILLS = {
    "KILL": [signal.SIGKILL],
    "TERM": [signal.SIGTERM],
    "HUP": [signal.SIGHUP],
    "INT": [signal.SIGINT],
    "STOP then KILL": [signal.SIGSTOP, signal.SIGKILL],
}


@pytest.mark.parametrize("signals", KILLS.values(), ids=KILLS)
@pytest.mark.parametrize("shell", [False, True], ids=["alone", "under a shell"])
def test_nothing_outlives_an_arena_and_a_rerun_at_once_goes_on(tmp_path: Path, mark: str, signals: list[int], shell: bool) -> None:
    file = write_file(tmp_path / "test.toml")
    run_dir = run_dir_of(file, tmp_path)
    command = arena_run(file, tmp_path)
    if shell:
        command = ["/bin/sh", "-c", f"{shlex.join(command)}; true"]
    parent = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_for_a_checkpoint(run_dir)
    arena = psutil.Process(parent.pid).children()[0] if shell else psutil.Process(parent.pid)
    for number in signals:
        arena.send_signal(number)
    parent.wait(600)
    if signals[-1] == signal.SIGKILL:  # the lock of the experiment is free at once, that of the run when its worker is gone
        subprocess.run(command, check=False, timeout=600)
    wait_until_none_is_left(mark)
    result = only(run_experiment(dataclasses.replace(from_toml(file), output=tmp_path), LocalExecutor()))
    assert result.status == "finished"
    assert result.num_attempts == 2
    assert RunRecord(run_dir.path).failures == ()


def test_a_rerun_waits_for_an_orphan(tmp_path: Path) -> None:
    wanted = experiment(tmp_path)
    folder = wanted.path / next(wanted.runs()).name
    folder.mkdir(parents=True)
    with FolderLock(folder) as orphan:
        threading.Timer(4.0, orphan.release).start()
        result = only(run_experiment(wanted, LocalExecutor()))
    assert (result.status, result.num_attempts) == ("finished", 1)


IMPATIENT = """
import sys
from arena.worker import worker
worker.LOCK_SECONDS = 0.1
sys.exit(worker.main(sys.argv[1], sys.argv[2:]))
"""


def test_an_orphan_that_never_ends_is_no_failure_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "arena.executors.process.worker_command", lambda task: [sys.executable, "-c", IMPATIENT, str(task.run_dir), *task.allow]
    )
    wanted = experiment(tmp_path)
    folder = wanted.path / next(wanted.runs()).name
    folder.mkdir(parents=True)
    with FolderLock(folder), pytest.raises(FolderBusy, match="seed-0: a worker of an earlier arena still holds the folder"):
        run_experiment(wanted, LocalExecutor())
    assert RunRecord(folder).result is None
    assert only(run_experiment(wanted, LocalExecutor())).status == "finished"


def test_an_arena_that_is_stopped_for_a_while_loses_nothing(tmp_path: Path) -> None:
    file = write_file(tmp_path / "test.toml")
    run_dir = run_dir_of(file, tmp_path)
    parent = subprocess.Popen(arena_run(file, tmp_path))
    wait_for_a_checkpoint(run_dir)
    parent.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + 600.0
    while RunRecord(run_dir.path).result is None:  # the worker goes on, and ends, while nobody listens
        assert time.monotonic() < deadline
        time.sleep(0.05)
    parent.send_signal(signal.SIGCONT)
    assert parent.wait(600) == 0
    result = RunRecord(run_dir.path).result
    assert result is not None
    assert (result.status, result.num_attempts) == ("finished", 1)


def test_a_worker_that_is_stopped_for_a_while_goes_on(tmp_path: Path, mark: str) -> None:
    file = write_file(tmp_path / "test.toml")
    run_dir = run_dir_of(file, tmp_path)
    parent = subprocess.Popen(arena_run(file, tmp_path))
    wait_for_a_checkpoint(run_dir)
    worker = next(process for process in marked(mark) if "arena.worker" in command_of(process))
    worker.suspend()
    time.sleep(1.0)
    assert parent.poll() is None
    worker.resume()
    assert parent.wait(600) == 0
    assert RunRecord(run_dir.path).result is not None
