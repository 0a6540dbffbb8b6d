"""Pruning of trials while their runs are at work."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.formats.jsonl import JsonlWriter
from arena.run_folder.events import EvaluationEnded, PhaseBegan
from arena.run_folder.folder import RunDir
from arena.run_folder.result import RunResult
from arena.run_folder.schema import write_result, write_run
from arena.tuning.watch import TrialWatch, num_evaluations

pytestmark = pytest.mark.extra
ENDED = EvaluationEnded(kind="selection", env_steps=1_000, episode_return_mean=0.0)


class FakeTrial:
    """Notes what it is told; its pruner rejects scores below a limit."""

    def __init__(self, limit: float = -1.0) -> None:
        self.told: list[tuple[float, int]] = []
        self.limit = limit

    def report(self, score: float, step: int) -> None:
        self.told.append((score, step))

    def should_prune(self) -> bool:
        return self.told[-1][0] < self.limit


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    """One trial with two seeds and four evaluations each."""
    return from_table(
        {
            "name": "t",
            "output": str(tmp_path),
            "agents": [{"agent": "arena.testing.fakes:FAKE_AGENT", "name": "x"}],
            "envs": ["FrozenLake-v1"],
            "seeds": 2,
            "budget": {"env_steps": 4_500},
            "evaluation": {"period": 1_000, "episodes": 2},
        }
    )


def evaluate(experiment: Experiment, seed: int, returns: Sequence[float]) -> RunDir:
    """Writes the selection evaluations of a run."""
    run = next(run for run in experiment.runs() if run.seed == seed)
    files = RunDir(experiment.path / run.name)
    files.folder.make()
    write_run(files, run)
    files.evaluations.unlink(missing_ok=True)
    with JsonlWriter(files.evaluations) as rows:
        for number, value in enumerate(returns, start=1):
            row = {"kind": "selection", "env_steps": 1_000 * number, "train_seconds": 1.0 * number, "episode_return_mean": value}
            rows.write({**row, "episode_returns": [value, value], "episode_lengths": [1, 1]})
    return files


def end(files: RunDir, seed: int, score: float) -> None:
    result = RunResult(status="finished", agent="x", env="FrozenLake-v1", seed=seed, path=str(files.path), score_mean=score)
    write_result(files, result)


def test_evaluations_are_those_of_whole_periods_and_at_least_one(experiment: Experiment):
    assert num_evaluations(experiment) == 4


def test_a_value_is_the_mean_over_seeds_once_all_have_played_it(experiment: Experiment):
    trial = FakeTrial()
    watch = TrialWatch(experiment, {"x": trial}, 0)
    evaluate(experiment, 0, [0.25, 0.5])
    evaluate(experiment, 1, [0.75])
    name = next(experiment.runs()).name
    assert watch.judge(name, PhaseBegan(phase="training")) is None
    assert trial.told == []
    assert watch.judge(name, ENDED) is None
    assert trial.told == [(0.5, 1)]
    evaluate(experiment, 1, [0.75, 1.0])
    watch.judge(name, ENDED)
    watch.judge(name, ENDED)
    assert trial.told == [(0.5, 1), (0.75, 2)], "each evaluation is told once"


def test_the_last_evaluation_is_left_to_the_final_scores_and_an_ended_run_keeps_its_last_value(experiment: Experiment):
    trial = FakeTrial()
    watch = TrialWatch(experiment, {"x": trial}, 0)
    evaluate(experiment, 0, [0.0, 0.0, 1.0, 1.0])
    end(evaluate(experiment, 1, [0.5]), 1, 0.5)
    watch.catch_up("x")
    assert trial.told == [(0.25, 1), (0.25, 2), (0.75, 3)]


def test_seeds_that_have_ended_count_with_their_final_scores_at_later_steps(experiment: Experiment):
    end(evaluate(experiment, 0, [0.0]), 0, 1.0)
    trial = FakeTrial()
    watch = TrialWatch(experiment, {"x": trial}, 1)
    evaluate(experiment, 1, [0.5])
    watch.catch_up("x")
    assert trial.told == [(0.75, 5)]


def test_a_trial_that_the_pruner_rejects_is_given_up_with_the_reason(experiment: Experiment):
    trial = FakeTrial(limit=0.3)
    watch = TrialWatch(experiment, {"x": trial}, 0)
    for seed in (0, 1):
        evaluate(experiment, seed, [0.5, 0.25, 1.0, 1.0])
    reason = watch.judge(next(experiment.runs()).name, ENDED)
    assert reason == "pruned at evaluation 2 of 4 of seeds 0, 1, at a score of 0.25"
    assert watch.pruned == {"x": reason}
    assert watch.judge(next(experiment.runs()).name, PhaseBegan(phase="training")) == reason
    assert len(trial.told) == 2, "nothing more is told"
