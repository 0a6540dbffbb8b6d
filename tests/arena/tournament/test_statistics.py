import numpy as np
import pytest
from scipy import stats

from arena.tournament.statistics import difference_interval, mean_interval, variance_saved


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


def test_equal_returns_leave_no_doubt():
    interval = mean_interval(np.full((3, 10), 500.0))
    assert (interval.value, interval.low, interval.high) == (500.0, 500.0, 500.0)


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
