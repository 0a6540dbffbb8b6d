import numpy as np
import pytest
from scipy import stats

from arena.statistics.mean_intervals import difference_interval, mean_interval, trimmed_interval, variance_saved


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


def test_the_interval_of_the_interquartile_mean_is_that_of_the_winsorised_variance():
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 100.0])
    found = trimmed_interval(values)
    winsorised = np.array([3.0, 3.0, 3.0, 4.0, 5.0, 6.0, 6.0, 6.0])
    error = winsorised.std(ddof=1) * 8**0.5 / 4
    assert found.value == 4.5
    assert found.low is not None
    assert found.value - found.low == pytest.approx(stats.t.ppf(0.975, 3) * error)
    assert found.high == pytest.approx(2 * found.value - found.low)


def test_the_interval_of_the_interquartile_mean_covers_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        found = trimmed_interval(rng.normal(3.0, 2.0, 40))
        hits += found.low <= 3.0 <= found.high
    assert 0.92 <= hits / 400 <= 0.98


def test_few_or_equal_values_have_no_interval_of_their_interquartile_mean():
    assert trimmed_interval(np.array([3.0])).note == "so few episodes support no interval"
    assert "no spread" in trimmed_interval(np.full(20, 500.0)).note
