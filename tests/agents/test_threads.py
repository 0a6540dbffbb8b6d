"""No agent computes on more threads at a time than its share, also where it is bound to no cores, as on a cluster's nodes.

The threads that run or want to are counted, at moments spread over training: unlike CPU time over wall time, that does not depend on
how busy the machine is.
"""

import time
from pathlib import Path

import pytest

from arena.executors.base import Task
from arena.executors.process import WorkerProcess, end_workers
from arena.experiment.file import from_table
from arena.run_folder.events import ProgressMade
from arena.run_folder.folder import RunDir
from arena.run_folder.schema import write_run

pytestmark = pytest.mark.framework
LARGE = {"hidden_sizes": [512, 512], "batch_size": 1024, "learning_starts": 1024, "train_period": 1}
"""Matrix products that every framework would spread over all cores."""
HANDING_OVER = 0.5
"""Threads beyond the share that are seen on average while work goes from one to another: at most 0.36 (`kerasrl-dqn`, two threads)."""


def mean_runnable_threads(folder: Path, agent: str, settings: dict, threads: int) -> float:
    table = {"name": "t", "output": str(folder), "agents": [{"agent": agent, "hyperparameters": {**LARGE, **settings}}]}
    table |= {
        "envs": ["CartPole-v1"],
        "budget": {"env_steps": 1_000_000},
        "log_period": 200,
        "resources": {"device": "cpu", "threads": threads},
    }
    run = next(from_table(table).runs())
    run_dir = RunDir(folder / run.name)
    run_dir.path.mkdir(parents=True)
    write_run(run_dir, run)
    environment = run.spec().process_env_for(run.config())
    worker = WorkerProcess(Task(name=run.name, run_dir=run_dir.path, process_env=environment, threads=threads, timeout_seconds=1_800.0))
    try:
        num_points = 0
        while num_points < 4:  # by then all is compiled
            num_points += sum(isinstance(event, ProgressMade) for event in worker.read_events())
            assert worker.ended() is None, run_dir.log_tail()
        counts = []
        for _ in range(150):
            counts.append(sum(_is_runnable(path) for path in Path(f"/proc/{worker.pid}/task").glob("*/stat")))
            time.sleep(0.01)
    finally:
        end_workers([worker])
    return sum(counts) / len(counts)


def _is_runnable(stat: Path) -> bool:
    try:
        return stat.read_text().rpartition(")")[2].split()[0] == "R"
    except (FileNotFoundError, ProcessLookupError):  # the thread has ended
        return False


@pytest.mark.parametrize(
    ("agent", "settings"),
    [
        ("rllib-dqn", {}),
        ("tfagents-dqn", {}),
        ("keras-dqn", {"backend": "jax"}),
        ("keras-dqn", {"backend": "tensorflow"}),
        ("keras-dqn", {"backend": "torch"}),
        ("kerasrl-dqn", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else value.get("backend", ""),
)
def test_an_agent_keeps_to_one_thread(tmp_path: Path, agent: str, settings: dict) -> None:
    assert mean_runnable_threads(tmp_path, agent, settings, 1) <= 1.0 + HANDING_OVER


def test_two_threads_are_used_and_seen(tmp_path: Path) -> None:
    assert 1.0 + HANDING_OVER < mean_runnable_threads(tmp_path, "rllib-dqn", {}, 2) <= 2.0 + HANDING_OVER
