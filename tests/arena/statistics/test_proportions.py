import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from arena.statistics.proportions import clopper_pearson, share_of_points, wilson
from arena.statistics.student import critical_value

TRUE_SHARE = {seeds: stats.norm.expect(expit, loc=0.8, scale=np.hypot(1.0, 0.6 * (seeds > 1))) for seeds in (1, 5)}
"""Mean of the logistic function of a normal: of all openings and training seeds that there could be."""


def test_wilson_is_scipys():
    low, high = wilson(np.array([0.0, 0.4, 1.0]), 10, critical_value(0.95))
    for index, successes in enumerate((0, 4, 10)):
        expected = stats.binomtest(successes, 10).proportion_ci(method="wilson")
        assert (low[index], high[index]) == pytest.approx((expected.low, expected.high))


def test_clopper_and_pearson_hold_the_tails_exactly():
    found = clopper_pearson(4, 10, confidence=0.9)
    assert (found.value, found.num_seeds) == (0.4, 10)
    assert stats.binom.sf(3, 10, found.low) == pytest.approx(0.05)
    assert stats.binom.cdf(4, 10, found.high) == pytest.approx(0.05)


@pytest.mark.parametrize(("wins", "ties", "losses"), [(20, 0, 0), (0, 0, 20), (13, 0, 7), (7, 6, 7), (0, 20, 0), (17, 2, 1)])
def test_independent_games_have_wilsons_interval_with_ties_as_half_wins(wins, ties, losses):
    points = np.repeat([1.0, 0.5, 0.0], [wins, ties, losses])
    interval = share_of_points(points, np.zeros(20), np.arange(20), confidence=0.9)
    oracle = stats.binomtest(wins + ties // 2, 20).proportion_ci(0.9, method="wilson")
    assert (interval.low, interval.high) == pytest.approx((oracle.low, oracle.high))
    assert interval.high - interval.low > 0.1


def test_games_of_one_opening_support_no_interval():
    interval = share_of_points(np.ones(20), np.zeros(20), np.zeros(20))
    assert (interval.value, interval.low, interval.high) == (1.0, None, None)


def test_games_that_repeat_themselves_count_once():
    once = np.random.default_rng(5).random(40) < 0.6
    alone = share_of_points(once.astype(float), np.zeros(40), np.arange(40))
    again = share_of_points(np.repeat(once, 5).astype(float), np.zeros(200), np.repeat(np.arange(40), 5))
    assert (again.low, again.high) == pytest.approx((alone.low, alone.high), abs=0.015)
    won = share_of_points(np.ones(40), np.zeros(40), np.repeat(np.arange(20), 2))
    assert won.low == pytest.approx(stats.binomtest(20, 20).proportion_ci(method="wilson").low)


def test_training_seeds_that_differ_widen_the_interval_of_points():
    points = np.repeat([1.0, 0.0, 1.0, 0.0], 50)
    alike = share_of_points(np.tile([1.0, 0.0], 100), np.repeat(np.arange(4), 50), np.arange(200))
    apart = share_of_points(points, np.repeat(np.arange(4), 50), np.arange(200))
    assert alike.high - alike.low < 0.15
    assert apart.high - apart.low > 0.6


@pytest.mark.parametrize("num_seeds", [1, 5])
def test_the_interval_of_points_covers_seeds_and_openings_together(num_seeds):
    """600 simulated entrants: 30 openings, each from both seats, that favour one side; training seeds of different strength."""
    rng, held = np.random.default_rng(6), 0
    for _ in range(600):
        seeds = rng.normal(scale=0.6 * (num_seeds > 1), size=(num_seeds, 1, 1))
        logits = 0.8 + seeds + rng.normal(scale=1.0, size=(num_seeds, 30, 1))
        points = (rng.random((num_seeds, 30, 2)) < expit(logits)).astype(float)
        players, starts = np.repeat(np.arange(num_seeds), 60), np.arange(num_seeds * 60) // 2
        interval = share_of_points(points.ravel(), players, starts)
        held += interval.low <= TRUE_SHARE[num_seeds] <= interval.high
    assert 0.93 < held / 600 < 0.97
