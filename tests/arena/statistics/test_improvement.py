import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from arena.statistics.improvement import improvement, probability_of_improvement
from benchmarks import calibrate_intervals as calibration


@given(arrays(np.float64, 6, elements=st.integers(0, 4)), arrays(np.float64, 4, elements=st.integers(0, 4)))
def test_probability_of_improvement_is_mann_and_whitneys_u(x, y):
    expected = stats.mannwhitneyu(x, y).statistic / 24
    assert probability_of_improvement(x, y) == pytest.approx(expected)
    assert probability_of_improvement(y, x) == pytest.approx(1.0 - expected)


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
