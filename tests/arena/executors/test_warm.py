"""Warm workers of the fake agent: the same runs, and no harm from a server that fails."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from processes import command_of

from arena.executors import local
from arena.executors.base import ExecutorConfig, Task
from arena.executors.choice import lasting_executor
from arena.executors.local import LocalExecutor
from arena.executors.process import WorkerProcess, end_workers
from arena.executors.warm import WarmServers, is_possible
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.experiment.runner import run_experiment
from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult

pytestmark = pytest.mark.worker
FAKE = "arena.testing.fakes:FAKE_AGENT"


def experiment(folder: Path, **changes) -> Experiment:
    table = {"name": "test", "output": str(folder), "agents": [FAKE], "envs": ["arena/Identity-v0"], "seeds": 3}
    table |= {"budget": {"env_steps": 4_000}, "evaluation": {"period": 1_000, "episodes": 5, "final_episodes": 10}}
    return from_table({**table, "resources": {"device": "cpu"}, **changes})


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[WorkerProcess]]:
    """The workers that an executor has started."""
    started: list[WorkerProcess] = []

    class Noted(WorkerProcess):
        def __init__(self, *arguments, **settings) -> None:
            super().__init__(*arguments, **settings)
            started.append(self)

    monkeypatch.setattr(local, "WorkerProcess", Noted)
    yield started
    end_workers(started)


def servers() -> list[psutil.Process]:
    """Returns the servers that come from this process."""
    return [child for child in psutil.Process().children() if "arena.worker.server" in " ".join(command_of(child))]


def outcome(result: RunResult) -> list[object]:
    files = [(Path(result.path) / name).read_bytes() for name in ("episodes.jsonl", "policy.onnx")]
    return [result.status, result.env_steps, result.learner_steps, result.score_mean, result.num_attempts, *files]


def test_a_warm_worker_does_what_a_spawned_one_does(tmp_path: Path, workers: list[WorkerProcess], monkeypatch: pytest.MonkeyPatch) -> None:
    shared = set(Path("/dev/shm").iterdir())
    monkeypatch.setenv("ARENA_TEST_MARK", "seen")
    spawned = run_experiment(experiment(tmp_path / "spawned"), LocalExecutor(2, warm=False))
    assert [worker.is_warm for worker in workers] == [False] * 3
    warm = run_experiment(experiment(tmp_path / "warm"), LocalExecutor(2))
    assert [worker.is_warm for worker in workers[3:]] == [True] * 3
    assert list(map(outcome, warm)) == list(map(outcome, spawned))
    assert servers() == []
    assert set(Path("/dev/shm").iterdir()) <= shared, "nothing is left in shared memory"
    one, other = (RunRecord(Path(results[1].path)).provenance for results in (warm, spawned))
    assert [part for part in one.command if "warm" not in part] == [part for part in other.command if "spawned" not in part]
    assert (one.versions, one.environment, one.workers) == (other.versions, other.environment, other.workers)


def test_one_run_of_an_agent_is_not_worth_a_server(tmp_path: Path, workers: list[WorkerProcess]) -> None:
    run_experiment(experiment(tmp_path, seeds=1), LocalExecutor(2))
    assert [worker.is_warm for worker in workers] == [False]


def test_a_variable_switches_servers_off(tmp_path: Path, workers: list[WorkerProcess], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARENA_WARM", "off")
    run_experiment(experiment(tmp_path, seeds=2), LocalExecutor(2))
    assert [worker.is_warm for worker in workers] == [False, False]


def test_a_crash_and_a_kill_in_one_warm_worker_touch_no_other(tmp_path: Path, workers: list[WorkerProcess]) -> None:
    faults = [{"agent": FAKE, "name": fault, "hyperparameters": {"fault": fault}} for fault in ("crash", "exit", "none")]
    results = run_experiment(experiment(tmp_path, agents=faults, seeds=2), LocalExecutor(2))
    assert {worker.is_warm for worker in workers} == {True}
    assert {(result.agent, result.status) for result in results} == {("crash", "crashed"), ("exit", "crashed"), ("none", "finished")}
    reasons = {result.agent: result.reason for result in results}
    assert "the fake agent crashes after" in reasons["crash"]
    assert "13" in reasons["exit"]


def test_the_death_of_a_server_is_noticed_and_harms_no_run(tmp_path: Path, workers: list[WorkerProcess]) -> None:
    killed: list[int] = []

    def judge(run_name: str, event: object) -> None:
        if not killed:
            [server] = servers()
            killed.append(server.pid)
            server.kill()

    spawned = run_experiment(experiment(tmp_path / "spawned"), LocalExecutor(1, warm=False))
    results = run_experiment(experiment(tmp_path / "warm"), LocalExecutor(1), judge=judge)
    assert [worker.is_warm for worker in workers[3:]] == [True, False, False], "the first outlives its server"
    assert list(map(outcome, results)) == list(map(outcome, spawned))


@pytest.mark.parametrize(
    "code", ["raise RuntimeError('no')", "import threading, time; threading.Thread(target=time.sleep, args=(1,)).start()"]
)
def test_a_server_that_cannot_import_or_has_started_a_thread_serves_none(
    tmp_path: Path, workers: list[WorkerProcess], monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """Any agent's module may do so; here it is one that is only troublesome in a server."""
    (tmp_path / "agents_here.py").write_text(
        f"""
import dataclasses, sys
from arena.testing.fakes import FAKE_AGENT, FakeAgent
if "arena.worker.server" in " ".join(sys.orig_argv):
    {code}
SPEC = dataclasses.replace(FAKE_AGENT, id="here")
"""
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.syspath_prepend(tmp_path)
    results = run_experiment(experiment(tmp_path, agents=["agents_here:SPEC"], seeds=2), LocalExecutor(1))
    assert [result.status for result in results] == ["finished"] * 2
    assert [worker.is_warm for worker in workers] == [True, False, False], "asked in vain once, and never again"


def test_a_warm_worker_that_is_given_up_ends_at_once(tmp_path: Path, workers: list[WorkerProcess]) -> None:
    wanted = experiment(tmp_path, seeds=2, budget={"env_steps": 1_000_000})
    results = run_experiment(wanted, LocalExecutor(2), judge=lambda name, event: "hopeless" if event.name == "evaluation" else None)
    assert [worker.is_warm for worker in workers] == [True, True]
    assert [(result.status, result.reason) for result in results] == [("pruned", "hopeless")] * 2


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"device": "cuda"}, False),
        ({"agent": ""}, False),
        ({"agent": "keras-dqn", "allow": ()}, True),
        ({"allow": ()}, False),
    ],
)
def test_a_worker_may_be_forked_where_nothing_stands_against_it(tmp_path: Path, changes: dict, expected: bool) -> None:
    settings = {"name": "a/b/seed-0", "run_dir": tmp_path, "process_env": {}, "threads": 1, "timeout_seconds": 1.0}
    task = Task(**{**settings, "agent": FAKE, "allow": (FAKE,), **changes})
    assert is_possible(task) == expected


def test_a_server_that_never_answers_holds_no_run_beyond_its_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"process_env": {}, "threads": 1, "timeout_seconds": 600.0, "stall_seconds": 0.5, "agent": FAKE, "allow": (FAKE,)}
    tasks = [Task(name=f"a/b/seed-{seed}", run_dir=tmp_path, **settings) for seed in range(2)]
    with WarmServers() as owner:
        owner.announce(tasks)
        worker = WorkerProcess(tasks[0], servers=owner)
        [server] = servers()
        server.suspend()
        deadline = time.monotonic() + 600.0
        while (ended := worker.ended()) is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert (ended.timed_out, ended.reason) == (True, "no progress for 1.5 s in starting, after env step 0")
        assert not worker.never_began, "it is not begun again"


def test_servers_end_with_their_owner(tmp_path: Path) -> None:
    settings = {"process_env": {}, "threads": 1, "timeout_seconds": 600.0, "agent": FAKE, "allow": (FAKE,)}
    tasks = [Task(name=f"a/b/seed-{seed}", run_dir=tmp_path, **settings) for seed in range(3)]
    with WarmServers() as owner:
        owner.announce(tasks)
        worker = WorkerProcess(tasks[0], servers=owner)
        assert worker.is_warm
        [server] = servers()
    assert not psutil.pid_exists(server.pid)
    deadline = time.monotonic() + 600.0
    while worker.ended() is None:
        assert time.monotonic() < deadline
        worker.read_events()
    assert worker.never_began


def test_servers_that_last_serve_one_experiment_after_another(tmp_path: Path) -> None:
    with lasting_executor(ExecutorConfig()) as executor:
        seen = []
        for name in ("first", "second"):
            results = run_experiment(experiment(tmp_path / name, seeds=1), executor)
            assert [result.status for result in results] == ["finished"]
            seen.append([server.pid for server in servers()])
    assert seen[0] == seen[1]
    assert len(seen[0]) == 1
    assert not servers()
