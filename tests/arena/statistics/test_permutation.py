import math

import numpy as np
import pytest
from scipy import stats

from arena.statistics.permutation import permutation_test


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
