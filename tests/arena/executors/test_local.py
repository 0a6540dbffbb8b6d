from collections.abc import Callable
from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.executors import local
from arena.executors.base import Ended, Task
from arena.executors.local import LocalExecutor


@pytest.fixture
def task(tmp_path: Path) -> Callable[[str], Task]:
    """Makes a run for a device."""
    return lambda device: Task(name="a/x/seed-0", run_dir=tmp_path, process_env={}, threads=1, timeout_seconds=1.0, device=device)


def test_a_gpu_that_this_machine_lacks_is_refused_before_anything_starts(task: Callable[[str], Task]):
    executor = LocalExecutor(gpus=["0", "1"])
    executor.check([task("auto"), task("cpu"), task("cuda"), task("cuda:1")])
    with pytest.raises(ArenaError, match=r"^run a/x/seed-0 asks for device 'cuda:2', and there are 2 GPUs here \(CUDA_VISIBLE_DEVICES"):
        executor.check([task("cuda:2")])


def test_the_cause_of_a_missing_driver_is_told(task: Callable[[str], Task], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(local, "driver_problem", lambda: "the driver is too old")
    with pytest.raises(ArenaError, match=r"there are 0 GPUs here \(the driver is too old\); say device = 'auto' or 'cpu'$"):
        LocalExecutor(gpus=[]).check([task("cuda")])


def test_without_tasks_nothing_starts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(local, "WorkerProcess", None)
    ended: list[Ended] = []
    LocalExecutor(1, gpus=[]).execute([], lambda task, event: None, lambda task, end: ended.append(end))
    assert ended == []
