"""What an experiment finds in its folder."""

from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.experiment.records import find_records, redo, refuse_unreadable, unreadable
from arena.run_folder.folder import RunDir
from arena.run_folder.result import RunResult
from arena.run_folder.schema import write_result, write_run


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    """Three seeds: one has ended, one has begun, one has not."""
    made = from_table({"name": "x", "output": str(tmp_path), "agents": ["random"], "envs": ["CartPole-v1"], "seeds": 3})
    for run in list(made.runs())[:2]:
        files = RunDir(made.path / run.name)
        files.path.mkdir(parents=True)
        write_run(files, run)
        if run.seed == 0:
            names = {"agent": run.agent.name, "env": run.env.name, "seed": 0, "path": str(files.path)}
            write_result(files, RunResult(status="finished", **names))
    return made


def test_what_has_ended_and_what_has_begun_is_found(experiment: Experiment):
    found = find_records(experiment.path, experiment.runs())
    assert list(found.results) == ["random/CartPole-v1/seed-0"]
    assert list(found.begun) == ["random/CartPole-v1/seed-0", "random/CartPole-v1/seed-1"]


def test_a_result_without_inputs_is_damaged(experiment: Experiment):
    (experiment.path / "random/CartPole-v1/seed-0/run.json").unlink()
    found = find_records(experiment.path, experiment.runs())
    (result,) = found.results.values()
    assert (result.status, "run.json" in result.reason) == ("damaged", True)
    assert list(found.begun) == ["random/CartPole-v1/seed-1"]


@pytest.mark.parametrize(("status", "command"), [("damaged", "rm -r 'a b' && arena run x.toml"), ("lost", "arena run x.toml")])
def test_nothing_is_decided_on_runs_that_cannot_be_read(experiment: Experiment, status, command: str):
    run = next(experiment.runs())
    result = unreadable(run, Path("a b"), status, "it was torn")
    assert redo(result, "arena run x.toml") == command
    with pytest.raises(
        ArenaError, match=rf"seed-0 is {status}, so nothing can be decided: it was torn\. To redo it alone: .*run this again"
    ):
        refuse_unreadable([result])
    refuse_unreadable([RunResult(status="crashed", agent="a", env="e", seed=0, path="")])
