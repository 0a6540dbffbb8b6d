"""One run as on a cluster's node, without the cluster: begun on one node, cut, ended on another."""

import time
from pathlib import Path

import pytest

from arena.executors.base import Ended, Task
from arena.executors.local import LocalExecutor
from arena.executors.node import NodeReport, NodeWorker
from arena.executors.transfer import lay_down, read_folder
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.experiment.runner import run_experiment
from arena.run_folder.events import WorkerEvent
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord

pytestmark = pytest.mark.worker


def experiment(output: Path) -> Experiment:
    table = {"name": "test", "output": str(output), "agents": ["arena.testing.fakes:FAKE_AGENT"], "envs": ["arena/Identity-v0"]}
    return from_table({**table, "budget": {"env_steps": 20_000}, "checkpoint_period": 1_500, "log_period": 1_000})


class Nodes:
    """An executor that works on each run on one node after another; the first ones are lost as soon as a checkpoint has arrived."""

    def __init__(self, num_losses: int, storage: Path | None) -> None:
        self.num_losses, self.storage = num_losses, storage
        self.events: list[WorkerEvent] = []

    def check(self, tasks) -> None:
        pass

    def execute(self, tasks, on_event, on_end, may_begin) -> None:
        for task in tasks:
            assert may_begin(task) == "now"
            for _ in range(self.num_losses):
                assert self.work(task, until_checkpoint=True) is None
            ended = self.work(task, until_checkpoint=False)
            assert ended is not None
            on_end(task, ended)

    def work(self, task: Task, *, until_checkpoint: bool) -> Ended | None:
        node = NodeWorker(self.storage.as_uri() if self.storage else None, has_gpu=False)
        node.start(task, f"test/{task.name}", read_folder(task.run_dir))
        pointer = (self.storage / "test" / task.name if self.storage else task.run_dir) / "checkpoint" / "latest.json"
        before = pointer.read_bytes() if pointer.exists() else b""
        while not (until_checkpoint and pointer.exists() and pointer.read_bytes() != before):
            report = node.poll()
            lay_down(task.run_dir, report.pieces)
            self.events += report.events
            if report.ended:
                return report.ended
        lost: NodeReport = node.stop()
        assert lost.ended, "what it reports is lost: the driver never hears of it"
        return None


@pytest.mark.parametrize("has_storage", [False, True])
def test_a_run_that_loses_two_nodes_is_the_run_that_lost_none(tmp_path: Path, has_storage: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arena.executors.node.GATHER_SECONDS", 0.0)
    storage = tmp_path / "store" if has_storage else None
    expected, nodes = experiment(tmp_path / "local"), Nodes(2, storage)
    (wanted,) = run_experiment(expected, LocalExecutor())
    (result,) = run_experiment(experiment(tmp_path / "nodes"), nodes)
    assert (result.status, result.num_attempts) == ("finished", 3)
    assert nodes.events[-1].kind == "final"
    for name in ("episodes.jsonl", "policy.onnx"):
        assert (Path(result.path) / name).read_bytes() == (Path(wanted.path) / name).read_bytes()
    same = ("env_steps", "num_episodes", "num_cut_episodes", "learner_steps", "score_mean", "policy_env_steps", "parity", "reason")
    assert [getattr(result, name) for name in same] == [getattr(wanted, name) for name in same]
    if storage is not None:
        stored = RunDir(storage / Path(result.path).relative_to(tmp_path / "nodes"))
        assert RunRecord(stored.path).result is not None
        assert stored.episodes.read_bytes() == (Path(wanted.path) / "episodes.jsonl").read_bytes()
        assert not (Path(result.path) / "checkpoint").exists()


def test_a_node_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "node"))
    (tmp_path / "node").mkdir()
    run_experiment(experiment(tmp_path / "nodes"), Nodes(1, None))
    deadline = time.monotonic() + 600.0
    while list((tmp_path / "node").iterdir()):
        assert time.monotonic() < deadline, "a folder is left"
        time.sleep(0.05)
