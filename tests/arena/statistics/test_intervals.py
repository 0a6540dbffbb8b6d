import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from arena.statistics.intervals import difference_interval, mean_interval, share_interval, variance_saved

TRUE_SHARE = {seeds: stats.norm.expect(expit, loc=0.8, scale=np.hypot(1.0, 0.6 * (seeds > 1))) for seeds in (1, 5)}
"""Mean of the logistic function of a normal: of all openings and training seeds that there could be."""


def test_with_one_seed_each_it_is_the_paired_t_interval():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 1, 30))
    interval, oracle = difference_interval(first, second), stats.ttest_rel(first[0], second[0]).confidence_interval()
    assert (interval.low, interval.high) == pytest.approx((oracle.low, oracle.high))


def test_with_one_episode_each_it_is_welchs_interval_over_seeds():
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(5, 1)), rng.normal(scale=3.0, size=(4, 1))
    interval, oracle = difference_interval(first, second), stats.ttest_ind(first[:, 0], second[:, 0], equal_var=False).confidence_interval()
    assert (interval.low, interval.high) == pytest.approx((oracle.low, oracle.high))


def test_a_mean_has_the_t_interval_over_episodes_or_over_seeds():
    values = np.random.default_rng(2).normal(size=12)
    oracle = stats.ttest_1samp(values, 0.0).confidence_interval(0.9)
    for shape in ((1, 12), (12, 1)):
        interval = mean_interval(values.reshape(shape), confidence=0.9)
        assert (interval.low, interval.high) == pytest.approx((oracle.low, oracle.high))


@pytest.mark.parametrize("values", [np.full((3, 10), 500.0), np.full((1, 10), 0.1), np.array([[7.0]]), np.full((2, 1), 7.0)])
def test_returns_without_spread_support_no_interval(values):
    for interval in (mean_interval(values), difference_interval(values + 1.0, values)):
        assert (interval.low, interval.high) == (None, None)
    assert mean_interval(values).value == pytest.approx(values[0, 0])


def test_one_episode_of_one_policy_supports_no_interval_whatever_it_is_compared_with():
    one, several = np.array([[7.0]]), np.array([[1.0], [2.0], [4.0]])
    assert difference_interval(one, several).low is None
    assert difference_interval(several, one).high is None


@pytest.mark.parametrize(("wins", "ties", "losses"), [(20, 0, 0), (0, 0, 20), (13, 0, 7), (7, 6, 7), (0, 20, 0), (17, 2, 1)])
def test_independent_games_have_wilsons_interval_with_ties_as_half_wins(wins, ties, losses):
    points = np.repeat([1.0, 0.5, 0.0], [wins, ties, losses])
    interval = share_interval(points, np.zeros(20), np.arange(20), confidence=0.9)
    oracle = stats.binomtest(wins + ties // 2, 20).proportion_ci(0.9, method="wilson")
    assert (interval.low, interval.high) == pytest.approx((oracle.low, oracle.high))
    assert interval.high - interval.low > 0.1


def test_games_of_one_opening_support_no_interval():
    interval = share_interval(np.ones(20), np.zeros(20), np.zeros(20))
    assert (interval.value, interval.low, interval.high) == (1.0, None, None)


def test_games_that_repeat_themselves_count_once():
    once = np.random.default_rng(5).random(40) < 0.6
    alone = share_interval(once.astype(float), np.zeros(40), np.arange(40))
    again = share_interval(np.repeat(once, 5).astype(float), np.zeros(200), np.repeat(np.arange(40), 5))
    assert (again.low, again.high) == pytest.approx((alone.low, alone.high), abs=0.015)
    won = share_interval(np.ones(40), np.zeros(40), np.repeat(np.arange(20), 2))
    assert won.low == pytest.approx(stats.binomtest(20, 20).proportion_ci(method="wilson").low)


def test_training_seeds_that_differ_widen_the_interval_of_points():
    points = np.repeat([1.0, 0.0, 1.0, 0.0], 50)
    alike = share_interval(np.tile([1.0, 0.0], 100), np.repeat(np.arange(4), 50), np.arange(200))
    apart = share_interval(points, np.repeat(np.arange(4), 50), np.arange(200))
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
        interval = share_interval(points.ravel(), players, starts)
        held += interval.low <= TRUE_SHARE[num_seeds] <= interval.high
    assert 0.93 < held / 600 < 0.97


def test_the_interval_covers_seeds_and_starts_together():
    """600 simulated pairs: 4 seeds each, 20 shared starts, noise besides; the nominal 95% interval holds the true difference of 0."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(600):
        starts = rng.normal(size=20)
        sides = [rng.normal(size=(4, 1)) * 0.7 + scale * starts + rng.normal(size=(4, 20)) for scale in (1.0, 2.0)]
        interval = difference_interval(*sides)
        held += interval.low <= 0.0 <= interval.high
    assert 0.93 < held / 600 < 0.97  # of 4,000 such it is 0.950


def test_pairing_saves_what_both_have_in_common():
    starts = np.random.default_rng(4).normal(size=(1, 50))
    assert variance_saved(starts, starts + 3.0) == pytest.approx(1.0)
    assert variance_saved(starts, -starts) == pytest.approx(-1.0)
    assert variance_saved(np.zeros((2, 5)), np.ones((1, 5))) is None
