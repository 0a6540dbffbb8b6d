import dataclasses
from pathlib import Path
from typing import Any

import pytest

from arena.errors import ArenaError
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.experiment.folder import make_folder, refuse_changes, with_history
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


def test_a_larger_budget_is_a_change_unless_runs_are_to_be_extended(tmp_path: Path):
    small, large = experiment(tmp_path), experiment(tmp_path, budget={"env_steps": 8_000})
    [run], [wanted] = small.runs(), large.runs()
    assert run.checkpoint_period != wanted.checkpoint_period, "periods follow from the budget"
    write_run(small.path, run)
    with pytest.raises(ArenaError, match=r"4000 there, 8000 wanted.*; --extend continues runs with a larger budget"):
        refuse_changes(large.path, [wanted])
    refuse_changes(large.path, [wanted], extend=True)
    with pytest.raises(ArenaError, match="epsilon"):
        refuse_changes(large.path, experiment(tmp_path, hyperparameters={"fake": {"epsilon": 0.5}}).runs(), extend=True)
    with pytest.raises(ArenaError, match="4000 there, 2000 wanted"):
        refuse_changes(large.path, experiment(tmp_path, budget={"env_steps": 2_000}).runs(), extend=True)


def test_an_extended_run_keeps_the_budgets_that_it_had(tmp_path: Path):
    budgets = (4_000, 8_000, 16_000)
    first, second, third = (next(experiment(tmp_path, budget={"env_steps": steps}).runs()) for steps in budgets)
    [extended] = with_history([second], {first.name: first}, extend=True)
    assert extended.extended_from == (4_000,)
    assert with_history([second], {first.name: extended}) == [extended], "a later call has no part in it"
    assert with_history([second], {first.name: extended}, extend=True) == [extended]
    assert [run.extended_from for run in with_history([third], {first.name: extended}, extend=True)] == [(4_000, 8_000)]
    assert with_history([second], {}, extend=True) == [second]
    assert "extended_from" not in second.inputs(), "a run of an earlier version has the same inputs"
    assert extended.inputs()["extended_from"] == (4_000,)
