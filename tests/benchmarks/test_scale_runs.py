import pytest

from benchmarks.scale_points import RunsPoint
from benchmarks.scale_runs import ProgressMarks, measure_runs


def test_a_run_is_watched_until_its_evaluation(monkeypatch: pytest.MonkeyPatch):
    now = iter([1.0, 1.01, 2.0, 3.0, 4.0, 5.0])
    monkeypatch.setattr("benchmarks.scale_runs.time.monotonic", lambda: next(now))
    marks = ProgressMarks("no such experiment")
    marks.update("a", status="training", max_env_steps=9)
    marks.update("a", status="training", env_steps=100)  # in one report with the beginning: that far it is by now
    marks.update("a", status="training", env_steps=200)
    marks.update("a", message="selection evaluation")
    marks.update("a", status="training", env_steps=200)  # its log, late by the evaluation
    marks.update("a", status="finished", env_steps=200, message="score")
    assert marks.marks == {"a": [(1.01, 100), (2.0, 200)]}
    assert marks.peak_rss_bytes == {}


@pytest.mark.worker
def test_runs_are_measured_by_the_real_executor(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("benchmarks.scale_runs.scaled_hyperparameters", lambda *_: {"num_envs": 4})
    point = RunsPoint(tables=("parallel",), executor="local", num_runs=2, workers=2, threads=1)
    found = measure_runs(point, "arena.testing.fakes:FAKE_AGENT", 0.5)
    assert "error" not in found
    assert len(found["rates"]) == len(found["start_seconds"]) == 2
    assert min(found["rates"]) > 0.0
    assert len(found["peak_rss_bytes"]) == 2
    assert found["wall_seconds"] > max(found["start_seconds"])
