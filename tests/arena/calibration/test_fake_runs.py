import numpy as np
import pytest

from arena.calibration.fake_runs import fake_experiment, write_runs
from arena.report.load import load_runs
from arena.run_folder.copies import find_copies
from arena.run_folder.record import RunRecord, run_folders


def written(folder, **skills):
    num_seeds = len(next(iter(skills.values())))
    return write_runs(fake_experiment(folder, list(skills), num_seeds, experiment_seed=5), skills)


def test_runs_are_whole_and_return_what_they_should(tmp_path):
    results = written(tmp_path, a=np.array([100.0, np.nan]), b=np.array([-100.0, -100.0]))
    assert [(result.agent, result.seed, result.status) for result in results] == [
        ("a", 0, "finished"),
        ("b", 0, "finished"),
        ("a", 1, "crashed"),
        ("b", 1, "finished"),
    ]
    loaded = load_runs([tmp_path])
    assert not loaded.left_out
    assert [(run.name, run.state, run.is_sealed) for run in loaded.runs] == [
        ("a/KnownSkill-v0/seed-0", "finished", True),
        ("a/KnownSkill-v0/seed-1", "failed", True),
        ("b/KnownSkill-v0/seed-0", "finished", True),
        ("b/KnownSkill-v0/seed-1", "finished", True),
    ]
    means = [run.final.episode_return_mean for run in loaded.runs if run.final]
    assert means == pytest.approx([100.0, -100.0, -100.0], abs=2.0)


def test_seeds_of_equal_skill_are_no_copies(tmp_path):
    written(tmp_path, a=np.zeros(2))
    records = [RunRecord(path) for path in run_folders(tmp_path)]
    assert records[0].final.episode_returns == records[1].final.episode_returns
    assert not find_copies(records)


def test_runs_that_are_there_are_not_made_again(tmp_path):
    first = written(tmp_path, a=np.array([1.0, 2.0]))
    written_at = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert written(tmp_path, a=np.array([50.0, 50.0])) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == written_at
