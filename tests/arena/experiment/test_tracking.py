import json
from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.experiment.tracking import SENT_NAME, track, tracked_run
from arena.loggers import TensorBoardLogger
from arena.loggers.trackers.tracker import TrackedRun
from arena.run_folder.record import RunRecord


class Shelf:
    """A tracker that keeps runs in a list."""

    def __init__(self) -> None:
        self.runs: list[TrackedRun] = []

    def add(self, run: TrackedRun) -> None:
        self.runs.append(run)

    def where(self) -> str:
        return "here"


@pytest.fixture
def experiment(tmp_path: Path, write_run) -> Path:
    """An experiment with two runs that have ended, one of which crashed."""
    for seed, status in ((0, "finished"), (1, "crashed")):
        path = write_run(tmp_path / "mine", "random", "CartPole-v1", seed, status=status, policy=False)
        with TensorBoardLogger(path) as logger:
            logger.scalars(10, {"a": 1.0, "b": 2.0})
            logger.scalars(20, {"a": 3.0})
    return tmp_path / "mine"


def test_a_tracker_gets_inputs_outcome_and_curves(experiment: Path):
    run = tracked_run(RunRecord(experiment / "random" / "CartPole-v1" / "seed-0"))
    assert (run.experiment, run.name, run.succeeded) == ("mine", "random/CartPole-v1/seed-0", True)
    assert (run.config["agent"], run.config["seed"], run.config["budget.env_steps"]) == ("random", 0, 100_000)
    assert (run.summary["status"], run.summary["env_steps"]) == ("finished", 3_000)
    assert run.rows() == {10: {"a": 1.0, "b": 2.0}, 20: {"a": 3.0}}
    assert run.key.isalnum()


def test_each_run_is_added_once_for_each_destination(experiment: Path):
    shelf = Shelf()
    assert [is_new for _, is_new in track(experiment, shelf, "shelf/a")] == [True, True]
    assert [is_new for _, is_new in track(experiment.parent, shelf, "shelf/a")] == [False, False]
    assert [run.succeeded for run in shelf.runs] == [True, False]
    assert len({run.key for run in shelf.runs}) == 2
    assert [is_new for _, is_new in track(experiment, shelf, "shelf/b")] == [True, True]
    assert [is_new for _, is_new in track(experiment, shelf, "shelf/a", again=True)] == [True, True]
    assert len({run.key for run in shelf.runs}) == 2


def test_a_tracker_that_fails_gets_the_run_again(experiment: Path):
    class Broken(Shelf):
        def add(self, run: TrackedRun) -> None:
            raise ConnectionError("no server")

    with pytest.raises(ArenaError, match=r"shelf/a did not take random/CartPole-v1/seed-0 \(ConnectionError: no server\)"):
        list(track(experiment, Broken(), "shelf/a"))
    assert [is_new for _, is_new in track(experiment, Shelf(), "shelf/a")] == [True, True]


def test_runs_that_have_not_ended_are_no_runs_for_a_tracker(experiment: Path):
    for path in experiment.rglob("result.json"):
        path.unlink()
    with pytest.raises(ArenaError, match="holds no runs that have ended"):
        list(track(experiment, Shelf(), "shelf/a"))


def test_the_note_of_what_was_added_is_lines_of_json(experiment: Path):
    list(track(experiment, Shelf(), "shelf/a"))
    rows = [json.loads(line) for line in (experiment / SENT_NAME).read_text().splitlines()]
    assert {row["destination"] for row in rows} == {"shelf/a"}
    assert {tuple(sorted(row)) for row in rows} == {("attempts", "destination", "key")}


def test_a_damaged_run_is_named_and_the_others_are_added(experiment: Path):
    damaged = experiment / "random" / "CartPole-v1" / "seed-0"
    (damaged / "result.json").write_text("torn")
    shelf, left_out = Shelf(), []
    assert len(list(track(experiment, shelf, "shelf/a", on_left_out=left_out.append))) == 1
    assert [run.path for run in left_out] == [damaged]


def test_a_run_folder_alone_can_be_named_from_where_it_lies(experiment: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(experiment / "random" / "CartPole-v1")
    assert [is_new for _, is_new in track(Path("seed-0"), Shelf(), "shelf/a")] == [True]
    assert (experiment / SENT_NAME).exists()
