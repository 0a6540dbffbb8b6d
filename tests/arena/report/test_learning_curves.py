import numpy as np
import pytest
from scipy import stats

from arena.report import learning_curves
from arena.report.load import load_runs


@pytest.fixture
def load(tmp_path, write_run):
    def load_one(curve, **changes):
        write_run(tmp_path, "a", len(list(tmp_path.rglob("run.json"))), curve=curve, **changes)
        return load_runs([tmp_path]).runs[-1]

    return load_one


def test_a_curve_begins_at_random_play_and_stays_where_the_run_ended(load):
    run = load([(100, 1.0, 50.0), (200, 4.0, 150.0)])
    assert learning_curves.run_curve(run, "env_steps", np.array([0, 50, 100, 150, 200, 900]), 10.0, 5.0).tolist() == [
        10,
        30,
        50,
        100,
        150,
        150,
    ]
    assert learning_curves.run_curve(run, "train_seconds", np.array([0.5, 2.5, 4.0]), 10.0, 5.0).tolist() == [30, 100, 150]


def test_a_failed_run_falls_to_what_failed_runs_take(load):
    run = load([(100, 1.0, 50.0)], status="diverged")
    assert learning_curves.run_curve(run, "env_steps", np.array([0, 100, 101]), 10.0, 5.0).tolist() == [10, 50, 5]


def test_a_run_that_failed_after_it_reached_the_threshold_counts_as_one_that_never_did(load, tmp_path):
    load([(100, 1.0, 475.0)])
    load([(50, 1.0, 500.0)], status="killed")
    reached = learning_curves.time_to_threshold(load_runs([tmp_path]).runs, 475.0)
    assert (reached.num_seeds, reached.num_reached, reached.env_steps_median) == (2, 1, None)


def test_area_is_the_mean_height():
    assert learning_curves.area(np.array([[0.0, 1.0, 2.0], [4.0, 4.0, 4.0]])).tolist() == [1.0, 4.0]


def test_runs_that_never_reach_the_threshold_are_censored(load, tmp_path):
    for first in (100, 300):
        load([(first, first / 10, 475.0), (first + 100, 60.0, 20.0)])
    load([(500, 50.0, 474.9)])
    reached = learning_curves.time_to_threshold(load_runs([tmp_path]).runs, 475.0)
    assert (reached.num_seeds, reached.num_reached) == (3, 2)
    assert (reached.env_steps_median, reached.train_seconds_median) == (300.0, 30.0)
    assert (reached.env_steps_low, reached.env_steps_high) == (None, None), "three values bound no median"
    exact = stats.binomtest(2, 3).proportion_ci(method="exact")
    assert (reached.reached_fraction.low, reached.reached_fraction.high) == (exact.low, exact.high)
    load([(500, 50.0, 0.0)])
    load([(500, 50.0, 0.0)])
    assert learning_curves.time_to_threshold(load_runs([tmp_path]).runs, 475.0).env_steps_median is None, "fewer than half reached it"
