"""Order in which runs begin."""

import dataclasses
import heapq
from pathlib import Path
from typing import Any

import pytest

from arena.executors.base import Task
from arena.executors.local import LocalExecutor
from arena.executors.order import Order
from arena.executors.process import WorkerProcess


def tasks(*kinds: str) -> list[Task]:
    return [
        Task(name=f"{kind}/{i}", run_dir=Path(), process_env={}, threads=1, timeout_seconds=1.0, kind=kind) for i, kind in enumerate(kinds)
    ]


def test_the_order_is_as_given_while_there_is_much_to_do_and_longest_first_at_the_end():
    order = Order()
    waiting = tasks("short", "middling", "long")
    assert order.sort(waiting, 2) == waiting, "nothing is known"
    for task, seconds in zip(waiting, (1.0, 5.0, 10.0), strict=True):
        order.note(task, seconds)
    assert [task.kind for task in order.sort(waiting, 2)] == ["long", "middling", "short"]
    many = waiting * 3
    assert order.sort(many, 2) == many, "48 seconds of work, the longest of 10 on each of two workers: there is time"
    assert [task.kind for task in order.sort(many, 3)] == ["long"] * 3 + ["middling"] * 3 + ["short"] * 3
    assert order.sort([], 2) == []


def test_a_kind_takes_as_long_as_its_longest_so_far():
    order = Order()
    (a, b) = tasks("a", "b")
    order.note(a, 3.0)
    order.note(b, 2.0)
    order.note(a, 1.0)
    assert order.sort([b, a], 2) == [a, b]
    order.note(b, 4.0)  # it is still at work
    assert order.sort([a, b], 2) == [b, a]
    assert order.sort([a, b], 1) == [a, b], "one worker is done no sooner"


def idle_seconds(seconds: dict[str, float], num_seeds: int, num_workers: int, order: Order) -> float:
    """Returns the seconds that workers are without a run before the last one ends."""
    free = [0.0] * num_workers
    waiting = tasks(*(kind for _ in range(num_seeds) for kind in seconds))
    while waiting:
        task = order.sort(waiting, num_workers)[0]
        waiting.remove(task)
        heapq.heappush(free, heapq.heappop(free) + seconds[task.kind])
    return sum(max(free) - each for each in free)


def test_workers_wait_less_for_the_last_run():
    seconds = dict(zip("abcdefgh", (10.0, 7.0, 3.5, 14.5, 14.0, 10.0, 7.0, 19.0), strict=True))
    order = Order()
    as_given = [idle_seconds(seconds, 10, workers, order) for workers in (2, 4, 8)]
    for task in tasks(*seconds):
        order.note(task, seconds[task.kind])
    in_our_order = [idle_seconds(seconds, 10, workers, order) for workers in (2, 4, 8)]
    assert [each < 0.3 * before for each, before in zip(in_our_order, as_given, strict=True)] == [True] * 3, (as_given, in_our_order)


@pytest.mark.worker
def test_the_executor_learns_what_takes_long_and_begins_it_first_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    script = tmp_path / "python"
    script.write_text('#!/bin/sh\nsleep "$(cat "$1/seconds")"\n')
    script.chmod(0o755)
    monkeypatch.setattr("arena.executors.process.worker_command", lambda task: [str(script), str(task.run_dir)])
    wanted = []
    for task in tasks("short", "long", "short", "short", "long"):
        folder = tmp_path / task.name
        folder.mkdir(parents=True)
        (folder / "seconds").write_text("3" if task.kind == "long" else "0.2")
        wanted.append(dataclasses.replace(task, run_dir=folder))
    begun: list[str] = []
    start = WorkerProcess.__init__

    def noted(self: WorkerProcess, task: Task, **settings: Any) -> None:
        begun.append(task.name)
        start(self, task, **settings)

    monkeypatch.setattr(WorkerProcess, "__init__", noted)
    LocalExecutor(2).execute(wanted, lambda task, event: None, lambda task, ended: None)
    assert begun[:2] == ["short/0", "long/1"]
    assert begun.index("long/4") < begun.index("short/3")
