"""What becomes of a run that has lost its node."""

import json
import signal
from pathlib import Path

import pytest

from arena.executors.base import Task
from arena.executors.node_losses import NodeLosses
from arena.run_folder.events import PhaseBegan, WorkerEvent
from arena.run_folder.folder import RunDir


class Events(list[tuple[str, WorkerEvent]]):
    """Events with the names of their runs."""

    def add(self, task: Task, event: WorkerEvent) -> None:
        self.append((task.name, event))


def make_task(folder: Path, name: str, *, checkpoint: bool = False) -> Task:
    path = folder / name
    path.mkdir(parents=True)
    for file in ("run.json", "episodes.jsonl"):
        (path / file).write_text("{}\n")
    if checkpoint:
        (path / "checkpoint/env-steps-5").mkdir(parents=True)
        (path / "checkpoint/latest.json").write_text(json.dumps({"directory": "env-steps-5"}))
    return Task(name=name, run_dir=path, process_env={}, threads=1, timeout_seconds=1.0)


def test_a_run_resumes_as_often_as_allowed_and_then_has_failed(tmp_path: Path) -> None:
    losses, events = NodeLosses(2), Events()
    task, other = make_task(tmp_path, "a"), make_task(tmp_path, "b")
    assert losses.add(task, "gone", events.add) is None
    assert losses.add(task, "gone", events.add) is None
    assert losses.add(other, "gone", events.add) is None, "each run has a count of its own"
    restarting = PhaseBegan(phase="restarting", message="lost its node (gone); resumes on another")
    assert events == [("a", restarting), ("a", restarting), ("b", restarting)]
    ended = losses.add(task, "gone again", events.add)
    assert ended is not None
    assert (ended.exit_code, ended.timed_out, ended.damaged) == (-signal.SIGKILL, False, "")
    assert ended.reason == "lost its node 3 times: gone again"
    assert len(events) == 3


@pytest.mark.parametrize("checkpoint", [False, True])
def test_records_stay_where_a_checkpoint_counts_on_them(tmp_path: Path, checkpoint: bool) -> None:
    task = make_task(tmp_path, "a", checkpoint=checkpoint)
    assert NodeLosses(1).add(task, "gone", Events().add) is None
    assert RunDir(task.run_dir).run.exists()
    assert RunDir(task.run_dir).episodes.exists() == checkpoint
    assert (RunDir(task.run_dir).latest_checkpoint() is not None) == checkpoint


def test_a_run_that_has_failed_keeps_its_records(tmp_path: Path) -> None:
    task = make_task(tmp_path, "a")
    assert NodeLosses(0).add(task, "gone", Events().add) is not None
    assert RunDir(task.run_dir).episodes.exists()
