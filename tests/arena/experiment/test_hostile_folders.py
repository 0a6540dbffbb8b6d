"""Folders of runs that a stranger has prepared: nothing outside of them changes, and each trap is refused by its name."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from arena.cli.train import train
from arena.errors import ArenaError
from arena.executors.local import LocalExecutor
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.experiment.runner import run_experiment
from arena.run_folder.folder import RunDir
from arena.run_folder.schema import write_run

FAKE = "arena.testing.fakes:FAKE_AGENT"
NAMES = (
    *(
        "run.json",
        "result.json",
        "episodes.jsonl",
        "evaluations.jsonl",
        "policy.onnx",
        "worker.log",
        "checkpoint",
        "snapshots",
        ".lock",
        ".claim",
        "holder.json",
    ),
    *("checkpoint/latest.json", "checkpoint/env-steps-1000", "checkpoint/env-steps-1000/agent", "checkpoint/env-steps-1000/training.json"),
    *("snapshots/env-steps-000000001000.onnx", "events.out.tfevents.000000", "events.out.tfevents.000001.end"),
)
LayTrap = Callable[[Path, str], Path]
TRAPS = ("link to a file", "link to a folder", "dangling link", "pipe")


def experiment(folder: Path) -> Experiment:
    table = {"name": "test", "output": str(folder), "agents": [FAKE], "envs": ["arena/Identity-v0"], "budget": {"env_steps": 400}}
    return from_table({**table, "evaluation": {"period": 200, "episodes": 2, "final_episodes": 2}, "checkpoint_period": 200})


def unfinished(wanted: Experiment) -> Path:
    [run] = wanted.runs()
    path = wanted.path / run.name
    path.mkdir(parents=True)
    write_run(RunDir(path), run)
    return path


@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_outside_of_a_run_folder_changes(tmp_path: Path, outside: Path, lay_trap: LayTrap, name: str, trap: str):
    wanted = experiment(tmp_path)
    path = lay_trap(unfinished(wanted) / name, trap)
    with pytest.raises(ArenaError, match=rf"{path.name}.* (is a link|is a pipe|cannot be a lock|cannot read)"):
        run_experiment(wanted, LocalExecutor())
    assert os.path.lexists(path)


@pytest.mark.parametrize("name", ["episodes.jsonl", "evaluations.jsonl", "worker.log"])
def test_a_growing_file_with_a_second_name_is_refused(tmp_path: Path, outside: Path, lay_trap: LayTrap, name: str):
    wanted = experiment(tmp_path)
    lay_trap(unfinished(wanted) / name, "hard link")
    with pytest.raises(ArenaError, match=rf"{name} has 2 names"):
        run_experiment(wanted, LocalExecutor())


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_run_folder_that_is_reached_through_a_link_is_not_written_to(tmp_path: Path, outside: Path, depth: int):
    wanted = experiment(tmp_path)
    [run] = wanted.runs()
    path = Path(*(wanted.path / run.name).parts[: len(wanted.path.parts) + depth])
    path.parent.mkdir(parents=True)
    path.symlink_to(outside / "documents")
    with pytest.raises(ArenaError, match=rf"{path.name} is a link"):
        run_experiment(wanted, LocalExecutor())


@pytest.mark.parametrize("trap", TRAPS)
def test_the_lock_of_an_experiment_is_no_way_out(tmp_path: Path, outside: Path, lay_trap: LayTrap, trap: str):
    wanted = experiment(tmp_path)
    wanted.path.mkdir()
    lay_trap(wanted.path / ".lock", trap)
    with pytest.raises(ArenaError, match=r"\.lock is (a link|not a regular file)|cannot write the lock"):
        run_experiment(wanted, LocalExecutor())


def test_train_resumes_through_no_link(tmp_path: Path, outside: Path, lay_trap: LayTrap):
    wanted = experiment(tmp_path)
    path = unfinished(wanted)
    (path / "run.json").unlink()
    lay_trap(path / "checkpoint", "link to a folder")
    budget, resources = {"env_steps": 400, "seconds": None, "target_return": None}, {"threads": 1, "device": "cpu", "workers": 1}
    with pytest.raises(ArenaError, match="checkpoint is a link"):
        train(FAKE, "arena/Identity-v0", [], budget, 0, "test", tmp_path, resources, resume=True, mode="quiet")


@pytest.mark.worker
def test_an_experiment_folder_that_is_itself_a_link_is_the_users_own(tmp_path: Path):
    (tmp_path / "disk").mkdir()
    wanted = experiment(tmp_path)
    wanted.path.symlink_to(tmp_path / "disk")
    [result] = run_experiment(wanted, LocalExecutor())
    assert result.status == "finished"
    assert (tmp_path / "disk" / result.run_name / "result.json").is_file()
