import itertools

import numpy as np
import pytest

from arena.statistics.pair_tests import MAX_ERROR, pair_tests
from arena.statistics.smallest_difference import POWER, smallest_difference


def test_the_difference_is_that_of_a_t_test_of_two_agents():
    """Two groups of 5 at 5% and 80% power need 2.02 standard deviations (Cohen, 1988, table 2.4.1)."""
    assert smallest_difference(5, 1).deviations == pytest.approx(2.02, abs=0.01)
    assert smallest_difference(5, 1).probability == pytest.approx(0.92, abs=0.01)


@pytest.mark.parametrize(("num_agents", "num_seeds", "num_envs"), [(2, 5, 1), (4, 5, 1), (4, 10, 1), (3, 5, 3)])
def test_that_difference_is_decided_with_the_power_that_is_promised(num_agents, num_seeds, num_envs):
    """200 experiments have a standard error of 0.03."""
    places = list(itertools.combinations(range(num_agents), 2))
    deviations = smallest_difference(num_seeds, len(places), num_envs).deviations
    rng, found = np.random.default_rng(0), 0
    for seed in range(200):
        returns = rng.normal(0.0, 1.0, (num_agents, num_envs, num_seeds))
        returns[0] += deviations
        tests = pair_tests([list(zip(returns[x], returns[y], strict=True)) for x, y in places], seed=seed, num_labellings=500)
        found += tests[0].p_value_joint <= MAX_ERROR
    assert found / 200 == pytest.approx(POWER, abs=0.1)


def test_more_seeds_and_fewer_pairs_show_less():
    assert smallest_difference(20, 1).deviations < smallest_difference(10, 1).deviations < smallest_difference(5, 1).deviations
    assert smallest_difference(5, 1).deviations < smallest_difference(5, 28).deviations
    assert smallest_difference(5, 28, 4).deviations < smallest_difference(5, 28).deviations


def test_too_few_seeds_are_told_how_many_they_need():
    nothing = smallest_difference(3, 1)
    assert (nothing.deviations, nothing.probability) == (None, None)
    assert nothing.sentence().endswith("whatever the runs return: at least 4 seeds are needed.")
    assert "return more 92% of the time (2.0 standard deviations between normal seeds)" in smallest_difference(5, 1).sentence()
    assert "over 99% of the time" in smallest_difference(4, 28).sentence()
