import numpy as np
import pytest
from scipy import stats

from arena.statistics.variance_components import EstimatedVariance, interaction_variance, means_of_groups, variance_of_starts


def test_a_difference_of_two_means_has_welchs_degrees_of_freedom():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=6), rng.normal(scale=3.0, size=4)
    variance = EstimatedVariance.of_mean(first) + EstimatedVariance.of_mean(second)
    oracle = stats.ttest_ind(first, second, equal_var=False)
    assert variance.degrees == pytest.approx(oracle.df)
    interval = oracle.confidence_interval(0.9)
    assert variance.half_width(0.9) == pytest.approx((interval.high - interval.low) / 2)


def test_degrees_of_freedom_do_not_change_with_the_unit():
    variance = EstimatedVariance.total([EstimatedVariance.from_degrees(2.0, 3), EstimatedVariance.from_degrees(1.0, 9)])
    scaled = variance.scaled(16.0)
    assert scaled.variance == 48.0
    assert scaled.degrees == pytest.approx(variance.degrees)
    assert variance.degrees == pytest.approx(9 / (4 / 3 + 1 / 9))


def test_a_known_variance_and_none_have_normal_quantiles():
    for variance in (EstimatedVariance(np.array(4.0), np.array(0.0)), EstimatedVariance.from_degrees(0.0, 0)):
        assert variance.degrees == np.inf
        assert variance.half_width(0.95) == pytest.approx(stats.norm.ppf(0.975) * np.sqrt(variance.variance))


def test_the_variances_of_seeds_starts_and_their_interaction_are_found_again():
    """2,000 experiments of 5 seeds and 8 starts with known variances 0.5, 2 and 1."""
    rng, shape = np.random.default_rng(1), (2_000, 5, 8)
    seeds, starts = rng.normal(0.0, 0.5**0.5, (2_000, 5, 1)), rng.normal(0.0, 2.0**0.5, (2_000, 1, 8))
    values = seeds + starts + rng.normal(0.0, 1.0, shape)
    assert interaction_variance(values).mean() == pytest.approx(1.0, abs=0.03)
    assert variance_of_starts(values).variance.mean() == pytest.approx(2.0 / 8, abs=0.02)
    total = EstimatedVariance.of_mean(values.mean(-1)) + variance_of_starts(values)
    assert total.variance.mean() == pytest.approx(values.mean((-2, -1)).var(), rel=0.06), "that of the mean over seeds and starts"


def test_starts_that_both_sides_share_cancel_in_their_difference():
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=(4, 1)) + 5.0 * rng.normal(size=10), rng.normal(size=(3, 1))
    assert variance_of_starts(first, -(second + first[:1])).variance == pytest.approx(0.0)
    assert variance_of_starts(first).variance == pytest.approx(first.mean(0).var(ddof=1) / 10)


def test_one_start_shows_no_variance_of_starts():
    assert variance_of_starts(np.arange(4.0)[:, None]).variance == 0.0


def test_groups_have_the_variance_of_their_mean():
    values, group = np.array([1.0, 4.0, 7.0, 3.0, 9.0]), np.array([2, 0, 0, 0, 2])
    means, variance = means_of_groups(values, group, 4)
    assert means == pytest.approx([14 / 3, 0.0, 5.0, 0.0])
    assert variance.variance == pytest.approx([stats.sem([4.0, 7.0, 3.0]) ** 2, 0.0, stats.sem([1.0, 9.0]) ** 2, 0.0])
    assert variance.degrees == pytest.approx([2.0, np.inf, 1.0, np.inf])
