import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from arena.statistics.order_statistics import median_interval


@given(st.integers(1, 40))
def test_the_interval_of_a_median_is_the_shortest_that_is_sure_enough(count):
    """Order statistics r and n + 1 - r hold the median unless fewer than r values lie on one side: a binomial probability."""
    low, high = median_interval(np.arange(count, dtype=float))
    if np.isnan(low):
        assert 2 * 0.5**count > 0.05
        return
    rank = int(low) + 1
    assert high == count - rank
    assert 2 * stats.binom.cdf(rank - 1, count, 0.5) <= 0.05 < 2 * stats.binom.cdf(rank, count, 0.5)
