"""The folder of a run is deleted, renamed or replaced while the run is at work: the run is lost by name, and the others go on."""

import shutil
from pathlib import Path

import pytest

from arena.executors.local import LocalExecutor
from arena.experiment.file import from_table
from arena.experiment.runner import run_experiment
from arena.run_folder.events import EvaluationEnded, WorkerEvent

pytestmark = pytest.mark.worker
FAKE = "arena.testing.fakes:FAKE_AGENT"


@pytest.mark.parametrize("what", ["deleted", "renamed", "replaced"])
def test_a_run_whose_folder_is_gone_is_lost_by_name(tmp_path: Path, what: str):
    table = {
        "name": "test",
        "output": str(tmp_path),
        "agents": ["arena.testing.fakes:FAKE_AGENT"],
        "envs": ["arena/Identity-v0"],
        "seeds": 2,
    }
    budget = {"budget": {"env_steps": 60_000}, "checkpoint_period": 10_000, "evaluation": {"period": 20_000, "episodes": 2}}
    experiment = from_table({**table, **budget})
    first, second = (run.name for run in experiment.runs())
    folder = experiment.path / first
    gone: list[str] = []

    def take_away(name: str, event: WorkerEvent) -> None:
        if name == first and isinstance(event, EvaluationEnded) and not gone:
            gone.append(name)
            if what == "deleted":
                shutil.rmtree(folder, ignore_errors=True)
                shutil.rmtree(folder, ignore_errors=True)  # what the worker has written in the meantime
            else:
                folder.rename(folder.with_name("elsewhere"))
            if what == "replaced":
                folder.mkdir()

    lost, other = run_experiment(experiment, LocalExecutor(), judge=take_away)
    assert gone
    assert (lost.status, lost.run_name, "was deleted or renamed" in lost.reason) == ("lost", first, True)
    assert (other.status, other.run_name) == ("finished", second)
    assert not (folder / "result.json").exists()
    again = run_experiment(experiment, LocalExecutor())
    assert [result.status for result in again] == ["finished", "finished"]
