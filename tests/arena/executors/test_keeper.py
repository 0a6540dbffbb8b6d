"""The keeper's knowledge of the kernel; what it does to processes is tested in `test_process` and `test_supervision`."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from arena.executors import keeper
from arena.executors.keeper import LogCap, MemoryKills, descendants, num_memory_kills


@pytest.mark.parametrize(
    ("group", "file"),
    [
        ("0::/user/job", "cgroups/user/job/memory.events"),
        ("0::/seen/from/outside", "cgroups/memory.events"),
        ("7:cpu:/x\n4:memory:/job", "cgroups/memory/job/memory.oom_control"),
        ("4:pids,memory:/seen/from/outside\n0::/", "cgroups/memory/memory.oom_control"),
        ("", "proc/vmstat"),
        (None, "proc/vmstat"),
    ],
)
def test_the_kernels_count_is_found_where_this_kernel_keeps_it(tmp_path: Path, group: str | None, file: str) -> None:
    for path, content in (("proc/vmstat", "nr_free_pages 5\noom_kill 9\n"), (file, "low 0\noom 4\noom_kill 3\n")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    if group is not None:
        (tmp_path / "proc/self").mkdir()
        (tmp_path / "proc/self/cgroup").write_text(f"{group}\n")
    assert num_memory_kills(tmp_path / "cgroups", tmp_path / "proc") == 3


def test_a_kernel_that_counts_nothing_has_killed_nothing(tmp_path: Path) -> None:
    assert num_memory_kills(tmp_path, tmp_path) == 0


def test_a_count_has_risen_if_it_has_since_the_look_before_the_last_two(monkeypatch: pytest.MonkeyPatch) -> None:
    count = [4]
    monkeypatch.setattr("arena.executors.keeper.num_memory_kills", lambda: count[0])
    kills = MemoryKills()
    assert not kills.has_risen()
    count[0] = 5
    for _ in range(2):
        kills.look()
        assert kills.has_risen()
    kills.look()
    assert not kills.has_risen(), "it was another process, some seconds ago"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
def test_descendants_are_found_down_to_the_last(tmp_path: Path) -> None:
    process = subprocess.Popen(["/bin/sh", "-c", "sleep 3600 & sh -c 'sleep 3600 & echo; wait' & wait"], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        found = descendants(process.pid)
        assert len(found) >= 2
        assert {process.pid, *found} <= set(descendants(os.getpid()))
    finally:
        for victim in [process.pid, *descendants(process.pid)]:
            os.kill(victim, 9)
        process.wait()
        process.stdout.close()


def test_a_log_that_grows_without_end_keeps_both_ends_and_says_how_much_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "MAX_LOG_BYTES", 1_000)
    monkeypatch.setattr(keeper, "LOG_END_BYTES", 100)
    path, total = tmp_path / "worker.log", 0
    with path.open("ab+", buffering=0) as log, path.open("ab", buffering=0) as writer:
        cap = LogCap(log.fileno())
        writer.write(b"the beginning\n")
        for index in range(1_000):
            total += writer.write(b"line %d\n" % index)
            cap.look()
            assert path.stat().st_size <= 1_000
        writer.write(b"x" * 2_000 + b"the end\n")
        cap.look()
    text = path.read_text()
    assert text.startswith("the beginning\nline 0\n")
    assert text.endswith("xthe end\n")
    [left_out] = [line for line in text.splitlines() if "left out" in line]
    missing = len("the beginning\n") + total + 2_008 - 200
    assert int(left_out.strip("[]").split()[0].replace(",", "")) == pytest.approx(missing, abs=15 * 60)  # the earlier notes count as well


def test_a_log_within_its_bounds_and_what_is_no_file_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    path.write_bytes(b"short\n")
    with path.open("ab+") as log:
        LogCap(log.fileno()).look()
    assert path.read_bytes() == b"short\n"
    reader, writer = os.pipe()
    LogCap(writer).look()
    os.close(reader)
    LogCap(writer).look()
    os.close(writer)
    LogCap(writer).look()


SLOW_KEEPER = """
import os, sys, time
from arena.executors import keeper
fork = os.fork

def slow_fork():
    process_id = fork()
    if process_id:
        time.sleep(1.0)
    return process_id

os.fork = slow_fork
keeper.keep(lambda: os.execv("/bin/sh", ["/bin/sh", "-c", sys.argv[1]]))
"""
"""A keeper that falls asleep as soon as it has a worker."""


def slow_keeper(script: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", SLOW_KEEPER, script]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.worker
def test_the_workers_id_is_said_before_the_worker_says_anything() -> None:
    with slow_keeper('echo "my id is $$"') as process:
        assert process.stdout is not None
        kept, word, ended = [line for line in process.stdout.read().splitlines() if line]
    worker_id = int(word.removeprefix("my id is "))
    assert json.loads(kept) == {"event": "kept", "keeper_id": process.pid, "worker_id": worker_id}
    assert json.loads(ended)["exit_code"] == 0


@pytest.mark.worker
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_a_keeper_that_has_just_started_its_worker_reaches_the_worker(number: signal.Signals) -> None:
    with slow_keeper("echo; exec sleep 60") as process:
        assert process.stdout is not None
        while "kept" not in process.stdout.readline():
            continue
        process.send_signal(number)
        last = process.stdout.read().splitlines()[-1]
    assert json.loads(last)["exit_code"] == -signal.SIGTERM
