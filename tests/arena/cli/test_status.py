import json
from pathlib import Path

import pytest

from arena.cli.status import status
from arena.errors import ArenaError
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_toml
from arena.run_folder.folder import RunDir
from arena.run_folder.result import RunResult
from arena.run_folder.schema import write_result, write_run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An experiment's file with two seeds."""
    path = tmp_path / "t.toml"
    path.write_text('name = "t"\nagents = ["arena.testing.fakes:FAKE_AGENT"]\nenvs = ["CartPole-v1"]\nseeds = 2\n')
    return path


def end(experiment: Experiment, folder: Path, seed: int, outcome: str) -> None:
    """Leaves the folder of a run that has ended."""
    run = next(run for run in experiment.runs() if run.seed == seed)
    files = RunDir(folder / run.name)
    files.folder.make()
    write_run(files, run)
    result = RunResult(status=outcome, agent="fake", env="CartPole-v1", seed=seed, path="", reason="the end", env_steps=70)
    write_result(files, result)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_runs_that_have_not_begun_are_listed_too(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    end(from_toml(file), tmp_path / "out" / "t", 1, "finished")
    assert status(file, tmp_path / "out", mode="json") == 0
    assert [(run["name"], run["state"]) for run in lines(capsys)] == [
        ("fake/CartPole-v1/seed-0", "to do"),
        ("fake/CartPole-v1/seed-1", "finished"),
    ]


def test_a_failed_run_is_told_by_the_exit_code(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    end(from_toml(file), tmp_path / "out" / "t", 0, "crashed")
    assert status(tmp_path / "out" / "t", None, mode="json") == 1
    [run] = lines(capsys)
    assert (run["name"], run["state"], run["reason"], run["env_steps"]) == ("fake/CartPole-v1/seed-0", "failed", "crashed: the end", 70)


def test_the_trials_of_a_search_stand_in_the_place_of_the_files_runs(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = tmp_path / "out" / "t"
    folder.mkdir(parents=True)
    (folder / "tune.db").write_text("")
    end(from_toml(file), folder / "trials", 0, "pruned")
    assert status(file, tmp_path / "out", mode="json") == 0
    assert [(run["name"], run["state"]) for run in lines(capsys)] == [("trials/fake/CartPole-v1/seed-0", "pruned")]


def test_a_folder_without_runs_is_refused(tmp_path: Path):
    with pytest.raises(ArenaError, match=r" holds no runs$"):
        status(tmp_path, None, mode="json")


def test_an_output_beside_a_folder_is_refused_as_it_would_be_ignored(file: Path, tmp_path: Path):
    end(from_toml(file), tmp_path / "out" / "t", 0, "finished")
    with pytest.raises(ArenaError, match=r"--output .*elsewhere is the folder that holds an experiment's; .* leave it out"):
        status(tmp_path / "out" / "t", tmp_path / "elsewhere", mode="json")
