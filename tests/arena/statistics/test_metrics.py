import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from arena.statistics import metrics

scores = arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 12)), elements=st.floats(-2.0, 2.0))


@given(scores)
@settings(max_examples=50)
def test_metrics_are_scipys_and_numpys(matrix):
    """Environments by seeds, as many seeds everywhere: the case for which rliable defines them."""
    by_env = list(matrix)
    assert metrics.iqm(by_env) == pytest.approx(stats.trim_mean(matrix, 0.25, axis=None))
    assert metrics.mean(by_env) == pytest.approx(matrix.mean())
    assert metrics.median(by_env) == pytest.approx(np.median(matrix.mean(1)))
    assert metrics.optimality_gap(by_env) == pytest.approx(1.0 - np.minimum(matrix, 1.0).mean())


@given(scores, st.integers(0, 10_000))
@settings(max_examples=25)
def test_batches_are_treated_row_by_row_and_the_order_of_seeds_is_nothing(matrix, seed):
    shuffled = np.random.default_rng(seed).permuted(matrix, axis=1)
    batches = [np.stack([env_scores, other]) for env_scores, other in zip(matrix, shuffled, strict=True)]
    for metric in metrics.METRICS.values():
        both = metric(batches)
        assert both.shape == (2,)
        assert both[0] == pytest.approx(metric(list(matrix)))
        assert both[1] == pytest.approx(both[0])


def test_a_profile_falls_from_one_to_zero_and_counts_environments_alike():
    by_env = [np.array([0.0, 1.0]), np.array([0.5, 0.5, 0.5, 0.5])]
    assert metrics.profile(by_env, np.array([-1.0, 0.25, 0.5, 1.0])).tolist() == [1.0, 0.75, 0.25, 0.0]
