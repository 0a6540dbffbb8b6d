import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from arena.statistics.comparison import compare_all, holm, improvement, permutation_test, profile_band
from benchmarks import calibrate_intervals as calibration


def test_holm_on_the_example_of_its_definition():
    """Sorted p times 4, 3, 2, 1, never falling: Holm (1979), by hand."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8))
def test_holm_lies_between_no_correction_and_bonferronis(p_values):
    for p_value, corrected in zip(p_values, holm(p_values), strict=True):
        assert p_value <= corrected <= min(1.0, len(p_values) * p_value) + 1e-12


def test_the_permutation_test_agrees_with_the_exact_one():
    x, y = np.array([0.3, 0.9, 0.5, 0.7, 0.8]), np.array([0.2, 0.6, 0.1, 0.4, 0.35])
    exact = stats.mannwhitneyu(x, y, method="exact").pvalue
    assert permutation_test([(x, y)]) == pytest.approx(exact, abs=4 * math.sqrt(exact / 9_999))
    assert permutation_test([(x, x)]) == 1.0


def test_several_environments_are_permuted_apart():
    """What is better by 1,000 on one environment and no different on another is not better twice."""
    rng = np.random.default_rng(0)
    easy, hard = rng.normal(size=(2, 5)), 1_000.0 + rng.normal(size=(2, 5))
    assert permutation_test([(easy[0], easy[1]), (hard[0], hard[1])]) > 0.05
    better = [(env[0] + 5.0, env[1]) for env in (easy, hard)]
    assert permutation_test(better) < 2 / 252


def test_the_interval_has_a_width_where_all_runs_of_one_beat_all_of_the_other():
    x, y = np.arange(5.0) + 10.0, np.arange(5.0)
    sure = improvement([(x, y)])
    assert (sure.value, sure.high) == (1.0, 1.0)
    assert 0.5 < sure.low < 0.9
    opposite = improvement([(y, x)])
    assert (opposite.low, opposite.high) == pytest.approx((0.0, 1.0 - sure.low))
    assert "cannot support" in improvement([(x[:2], y[:2])]).note


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    true = float(stats.norm.cdf(1.0 / math.sqrt(2.0)))
    found = [improvement([(rng.normal(1.0, 1.0, 5), rng.normal(0.0, 1.0, 5))]) for _ in range(300)]
    assert 0.915 <= np.mean([estimate.low <= true <= estimate.high for estimate in found]) <= 0.99


def test_all_pairs_are_compared_and_corrected_together():
    returns = {name: {"e": np.arange(8.0) + shift} for name, shift in (("c", 100.0), ("a", 0.0), ("b", 0.5))}
    returns["a"]["f"] = np.arange(8.0)
    pairs = compare_all(returns)
    assert [(pair.x, pair.y) for pair in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [pair.decided for pair in pairs] == [False, True, True]
    assert all(pair.p_value <= pair.p_value_holm for pair in pairs)
    assert pairs[0].envs == ("e",), "only what both were trained on"


def test_profile_band_is_wilsons():
    low, high = profile_band(np.array([0.0, 0.4, 1.0]), 10)
    for index, successes in enumerate((0, 4, 10)):
        expected = stats.binomtest(successes, 10).proportion_ci(method="wilson")
        assert (low[index], high[index]) == pytest.approx((expected.low, expected.high))


def test_the_interval_of_a_probability_is_longer_where_the_agents_spread_unlike():
    """Half of x beats all of y and half none, so that the probability is 0.5 and hangs on x alone."""
    y = np.linspace(0.4, 0.6, 10)
    alike, torn = improvement([(y + 1e-9, y)]), improvement([(np.repeat([0.0, 1.0], 5), y)])
    assert (torn.value, torn.num_seeds) == (0.5, 10)
    assert torn.high - torn.low > 1.1 * (alike.high - alike.low)


def test_the_interval_of_a_probability_holds_where_one_agent_is_bimodal():
    """1,000 experiments, whose standard error is 0.006; without the variance of the ranks it is 0.91."""
    pair = calibration.PAIRS["bimodal against normal"]
    assert 0.94 <= calibration.coverage_of_improvement(pair, 10, 1_000) <= 0.985
