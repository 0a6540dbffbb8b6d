import dataclasses
from pathlib import Path
from typing import Any

import pytest

from arena.errors import ArenaError
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.experiment.folder import make_folder, refuse_changes
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import Run
from arena.run_folder.schema import write_run as write_inputs

FAKE = "arena.testing.fakes:FAKE_AGENT"


def experiment(folder: Path, **changes: Any) -> Experiment:
    table = {"name": "test", "output": str(folder), "agents": [FAKE], "envs": ["CartPole-v1"], "budget": {"env_steps": 4_000}}
    return from_table({**table, **changes})


def write_run(folder: Path, run: Run) -> None:
    (folder / run.name).mkdir(parents=True)
    write_inputs(RunDir(folder / run.name), run)


def test_a_changed_file_is_refused_with_every_difference_and_its_runs(tmp_path: Path):
    wanted = experiment(tmp_path, seeds=2)
    for run in wanted.runs():
        write_run(wanted.path, run)
    refuse_changes(wanted.path, list(wanted.runs()))
    changed = experiment(tmp_path, seeds=3, hyperparameters={"fake": {"epsilon": 0.5}}, budget={"env_steps": 5_000})
    with pytest.raises(ArenaError, match=r"epsilon: 0\.2 there, 0\.5 wanted; .*start a new experiment beside it with --name") as caught:
        refuse_changes(changed.path, list(changed.runs()))
    notes = caught.value.__notes__
    assert "  budget.env_steps: 4000 there, 5000 wanted (fake/CartPole-v1/seed-0 and 1 more)" in notes
    refuse_changes(changed.path, list(dataclasses.replace(changed, name="other", seeds=(2,)).runs()))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "below", Path("a\0b")):
        with pytest.raises(ArenaError, match="cannot make the output folder"):
            make_folder(path)
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
