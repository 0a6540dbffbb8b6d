"""Worker processes: that none outlives its end, whatever it does."""

import os
import re
import select
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest

from arena.executors import keeper
from arena.executors.base import Ended, Task
from arena.executors.process import WorkerProcess, end_workers
from arena.run_folder.events import PhaseBegan, WorkerEvent

pytestmark = pytest.mark.worker


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Starts a shell script in the place of the interpreter that runs workers."""
    started = []

    def start_script(script: str, timeout_seconds: float = 3600.0, stall_seconds: float = 3600.0) -> WorkerProcess:
        monkeypatch.setattr("arena.executors.process.worker_command", lambda task: ["/bin/sh", "-c", script])
        limits = {"timeout_seconds": timeout_seconds, "stall_seconds": stall_seconds}
        started.append(WorkerProcess(Task(name="a/b/seed-0", run_dir=tmp_path, process_env={}, threads=1, **limits)))
        return started[-1]

    yield start_script
    end_workers(started)


def read(worker: WorkerProcess) -> list[WorkerEvent]:
    """Returns the worker's next events; the keeper's own word is none."""
    while not (events := worker.read_events()) and not worker.stdout.closed:
        continue
    return events


def wait_for_the_end(worker: WorkerProcess) -> Ended:
    while (ended := worker.ended()) is None:
        if select.select([worker.stdout], [], [], 0.01)[0]:
            worker.read_events()
    return ended


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
    assert read(worker) == [PhaseBegan(phase="building")]
    assert group_of(worker)
    end_workers([worker])
    wait_until_the_group_is_gone(worker)


def test_a_second_interrupt_within_the_grace_leaves_no_orphan(start) -> None:
    workers = [start(STUBBORN), start(STUBBORN)]
    for worker in workers:
        read(worker)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        end_workers(workers)
    for worker in workers:
        wait_until_the_group_is_gone(worker)


def test_a_child_that_outlives_its_worker_is_ended_with_it(start) -> None:
    worker = start('sleep 3600 > /dev/null & echo \'{"event": "phase", "phase": "building"}\'')
    ended = wait_for_the_end(worker)
    assert (ended.timed_out, ended.exit_code, ended.reason) == (False, 0, "")
    assert ended.peak_rss_bytes
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
    assert wait_for_the_end(worker).exit_code == 13
    wait_until_the_group_is_gone(worker)


def test_a_worker_that_was_killed_says_by_what_and_its_last_half_line_spoils_nothing(start) -> None:
    ended = wait_for_the_end(start('printf \'{"event": "pha\'; kill -SEGV $$'))
    assert (ended.timed_out, ended.exit_code, ended.reason) == (False, -signal.SIGSEGV, "")


def test_a_worker_ends_with_a_keeper_that_is_killed(start) -> None:
    worker = start("echo; sleep 3600 & wait")
    while worker.pid is None:
        worker.read_events()
    psutil.Process(psutil.Process(worker.pid).ppid()).kill()
    assert wait_for_the_end(worker).exit_code == -signal.SIGKILL
    wait_until_the_group_is_gone(worker)


def test_a_stopped_keeper_does_not_save_its_worker(start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arena.executors.process.GRACE_SECONDS", 0.3)
    worker = start("sleep 3600 & wait")
    while worker.pid is None:
        worker.read_events()
    psutil.Process(psutil.Process(worker.pid).ppid()).suspend()
    end_workers([worker])
    wait_until_the_group_is_gone(worker)
    assert wait_for_the_end(worker).exit_code == -signal.SIGKILL


def test_a_worker_that_makes_no_progress_is_ended_with_the_last_that_is_known_of_it(start) -> None:
    beat = '{"event": "heartbeat", "count": 7, "activity": "training", "env_steps": 1234, "waits_for": "step"}'
    worker = start(f'echo \'{{"event": "phase", "phase": "training"}}\'; echo \'{beat}\'; sleep 3600', stall_seconds=0.5)
    ended = wait_for_the_end(worker)
    assert ended.timed_out
    assert ended.reason == "no progress for 0.5 s in training, after env step 1234 (step never returned)"
    wait_until_the_group_is_gone(worker)


MEMORY = """
import sys
sys.path.insert(0, {folder!r})
import keeper
keeper.num_memory_kills = lambda: int(open({count!r}).read())
keeper.main()
"""


@pytest.mark.parametrize("kills", [0, 1])
def test_a_worker_killed_for_want_of_memory_says_so_with_its_peak(
    start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kills: int
) -> None:
    count, script = tmp_path / "count", tmp_path / "keeper.py"
    count.write_text("5")
    script.write_text(MEMORY.format(folder=str(Path(keeper.__file__).parent), count=str(count)))
    monkeypatch.setattr("arena.executors.process.keeper.__file__", str(script))
    ended = wait_for_the_end(start(f"echo $((5 + {kills})) > {count}; kill -KILL $$"))
    assert ended.exit_code == -signal.SIGKILL
    assert bool(re.fullmatch(r"killed by the kernel for want of memory; peak 0\.0 GB", ended.reason)) == bool(kills)


def test_a_talkative_worker_keeps_the_first_and_the_last_words_of_its_log(start, tmp_path: Path):
    script = "echo first words >&2; head -c 60000000 /dev/zero | tr '\\\\0' 'x' >&2; echo last words >&2; kill -SEGV $$"
    ended = wait_for_the_end(start(script))
    assert ended.exit_code == -signal.SIGSEGV
    log = (tmp_path / "worker.log").read_bytes()
    assert len(log) <= keeper.MAX_LOG_BYTES
    assert log.startswith(b"first words")
    assert log.endswith(b"last words\n")
    assert b"bytes of this log are left out here]" in log
