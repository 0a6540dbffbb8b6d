"""Worker processes: that none outlives its end, whatever it does."""

import os
import select
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest

from arena.executors.base import Ended, Task
from arena.executors.process import WorkerProcess, end_workers
from arena.run_folder.events import PhaseBegan

pytestmark = pytest.mark.worker


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Starts a shell script in the place of the interpreter that runs workers."""
    started = []

    def start_script(script: str, timeout_seconds: float = 3600.0) -> WorkerProcess:
        file = tmp_path / "python"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        monkeypatch.setattr("sys.executable", str(file))
        task = Task(name="a/b/seed-0", run_dir=tmp_path, process_env={}, threads=1, timeout_seconds=timeout_seconds)
        started.append(WorkerProcess(task))
        return started[-1]

    yield start_script
    end_workers(started)


def wait_until_the_group_is_gone(worker: WorkerProcess) -> None:
    """Waits for processes that were sent SIGKILL: the kernel ends them in its own time."""
    deadline = time.monotonic() + 600.0
    while left := group_of(worker):
        assert time.monotonic() < deadline, f"{left} are still there"
        time.sleep(0.01)


def group_of(worker: WorkerProcess) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == worker.pid and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


STUBBORN = 'trap \'\' TERM; echo \'{"event": "phase", "phase": "building"}\'; sleep 3600 & wait; sleep 3600'


def test_a_worker_that_heeds_no_signal_is_killed_with_its_children_after_a_grace(start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arena.executors.process.GRACE_SECONDS", 0.3)
    worker = start(STUBBORN)
    assert worker.read_events() == [PhaseBegan(phase="building")]
    assert group_of(worker)
    end_workers([worker])
    wait_until_the_group_is_gone(worker)


def test_a_second_interrupt_within_the_grace_leaves_no_orphan(start) -> None:
    workers = [start(STUBBORN), start(STUBBORN)]
    for worker in workers:
        worker.read_events()
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        end_workers(workers)
    for worker in workers:
        wait_until_the_group_is_gone(worker)


def test_a_child_that_outlives_its_worker_is_ended_with_it(start) -> None:
    worker = start('sleep 3600 > /dev/null & echo \'{"event": "phase", "phase": "building"}\'')
    while (ended := worker.ended()) is None:
        worker.read_events()
        time.sleep(0.01)
    assert ended == Ended(timed_out=False, exit_code=0)
    wait_until_the_group_is_gone(worker)


def test_events_are_told_from_what_is_printed_before_them(start) -> None:
    first, second = '{"event": "phase", "phase": "building"}', '{"event":"phase","phase":"training"}'
    worker = start(f"printf 'hello\\n{first[:9]}'; sleep 0.3; printf '{first[9:]}\\n3\\n{second}\\n{second[:5]}'")
    events = []
    while worker.ended() is None:
        events += worker.read_events()
    assert events == [PhaseBegan(phase="building"), PhaseBegan(phase="training")]
    assert worker.read_events() == []


def test_a_child_that_holds_the_output_open_does_not_keep_an_ended_worker_alive(start) -> None:
    worker = start("sleep 3600 & exit 13")
    deadline = time.monotonic() + 600.0
    while (ended := worker.ended()) is None:
        assert time.monotonic() < deadline
        if select.select([worker.stdout], [], [], 0.01)[0]:  # reading would wait for the child, until `ended` has killed it
            worker.read_events()
    assert ended == Ended(timed_out=False, exit_code=13)
    wait_until_the_group_is_gone(worker)
