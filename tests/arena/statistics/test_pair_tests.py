import itertools
import math

import numpy as np
import pytest
from scipy import stats

from arena.statistics.pair_tests import MAX_ERROR, RANK_SEEDS, basis_of, pair_tests, seeds_to_decide


def all_pairs(returns):
    return [[(x, y)] for x, y in itertools.combinations(returns, 2)]


def test_five_agents_of_five_seeds_far_apart_are_all_decided():
    """Ranks with Holm's correction give p = 0.08 here, whatever the distance."""
    rng = np.random.default_rng(0)
    tests = pair_tests(all_pairs([80.0 * place + rng.normal(0.0, 3.0, 5) for place in range(5)]))
    assert all(test.p_value_joint <= 0.02 and test.basis == "means" for test in tests)


def test_the_p_value_of_one_pair_is_that_of_its_permutations():
    """The smallest p-value of 5 against 5 seeds is 2 labellings of 252."""
    x, y = np.array([0.1, 0.2, 0.3, 0.4, 0.5]), np.array([5.1, 5.2, 5.3, 5.4, 5.5])
    [test] = pair_tests([[(x, y)]])
    expected = 2 / math.comb(10, 5)
    assert test.p_value == test.p_value_joint == pytest.approx(expected, abs=4 * math.sqrt(expected / 5_000))
    [test] = pair_tests([[(x, x)]])
    assert test.p_value == 1.0


def test_with_few_labellings_the_approximation_is_welchs_test():
    rng = np.random.default_rng(1)
    x, y = rng.normal(0.0, 1.0, 6), rng.normal(2.0, 8.0, 6)
    expected = stats.ttest_ind(x, y, equal_var=False).pvalue
    [test] = pair_tests([[(x, y)]])
    assert test.p_value >= expected * (1 - 1e-9)
    [test] = pair_tests([[(x, y)]], num_labellings=1)  # the observed labelling alone: its permutation test says 1
    assert test.p_value == 1.0


def test_from_ten_seeds_ranks_decide_whatever_the_size_of_a_catastrophe():
    rng = np.random.default_rng(2)
    x, y = rng.normal(0.0, 1.0, RANK_SEEDS), rng.normal(3.0, 1.0, RANK_SEEDS)
    y[0] = -10.0
    [mild] = pair_tests([[(x, y)]])
    y[0] = -1e9
    [severe] = pair_tests([[(x, y)]])
    assert mild == severe
    assert severe.basis == "ranks"
    assert severe.p_value < MAX_ERROR


def test_ranks_agree_with_brunner_and_munzel():
    rng = np.random.default_rng(3)
    x, y = rng.normal(0.0, 1.0, 40), np.round(rng.normal(0.8, 3.0, 40))
    x[:5] = y[:5]
    [test] = pair_tests([[(x, y)]])
    expected = stats.brunnermunzel(x, y).pvalue
    assert test.p_value >= expected * (1 - 1e-9)
    assert test.p_value == pytest.approx(expected, abs=0.015)


def test_means_that_contradict_the_chance_to_win_decide_nothing():
    """The first wins more often, and has the lower mean by far: with few seeds, that is no decision."""
    x, y = np.array([-9e3, -9e3, 2.0, 2.1, 2.2, 2.3, 2.4]), np.array([1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6])
    [test] = pair_tests([[(x, y)]])
    assert test.p_value == test.p_value_joint == 1.0


def test_a_pair_is_corrected_for_the_others():
    rng = np.random.default_rng(4)
    far, near = (rng.normal(0.0, 1.0, 6), rng.normal(9.0, 1.0, 6)), (rng.normal(0.0, 1.0, 6), rng.normal(1.0, 1.0, 6))
    noise = [(rng.normal(0.0, 1.0, 6), rng.normal(0.0, 1.0, 6)) for _ in range(8)]
    tests = pair_tests([[pair] for pair in (far, near, *noise)])
    assert all(test.p_value <= test.p_value_joint for test in tests)
    assert tests[0].p_value_joint <= MAX_ERROR
    assert tests[1].p_value_joint > tests[1].p_value


def test_the_same_runs_give_the_same_p_values_in_either_order():
    rng = np.random.default_rng(5)
    returns = [rng.normal(shift, 1.0, 7) for shift in (0.0, 1.0, 2.0)]
    tests = pair_tests(all_pairs(returns))
    assert tests == pair_tests(all_pairs(returns))
    scaled = pair_tests(all_pairs([1_000.0 + 5.0 * values for values in returns]))
    assert [test.p_value for test in scaled] == pytest.approx([test.p_value for test in tests])


def test_several_environments_are_permuted_apart():
    """What is better by 1,000 on one environment and no different on another is not better twice."""
    rng = np.random.default_rng(0)
    easy, hard = rng.normal(size=(2, 5)), 1_000.0 + rng.normal(size=(2, 5))
    [mixed] = pair_tests([[(easy[0], easy[1]), (hard[0], hard[1])]])
    assert mixed.p_value > MAX_ERROR
    [better] = pair_tests([[(env[0] + 5.0, env[1]) for env in (easy, hard)]])
    assert better.p_value < 2 / 252


@pytest.mark.parametrize(
    ("num_seeds", "basis"),
    [
        ([(3, 3)], "nothing"),
        ([(4, 4)], "means"),
        ([(3, 5)], "means"),
        ([(3, 3), (3, 3)], "means"),
        ([(1, 99)], "nothing"),
        ([(10, 10)], "ranks"),
        ([(10, 9)], "means"),
        ([(20, 20), (5, 20)], "means"),
    ],
)
def test_the_seeds_say_what_a_test_rests_on(num_seeds, basis):
    assert basis_of(num_seeds) == basis


def test_too_few_seeds_decide_nothing_and_burden_nobody():
    few, many = (np.arange(3.0), 100.0 + np.arange(3.0)), (np.arange(6.0), 100.0 + np.arange(6.0))
    alone, together = pair_tests([[many]]), pair_tests([[few], [many]])
    assert together[0].basis == "nothing"
    assert together[0].p_value_joint == 1.0
    assert together[1] == alone[0]
    assert (seeds_to_decide(), seeds_to_decide(2)) == (4, 3)
    assert pair_tests([]) == []


@pytest.mark.parametrize(
    ("spread", "sizes"),
    [((1.0, 1.0, 1.0), (5, 5, 5)), ((1.0, 20.0, 1.0), (5, 5, 5)), ((1.0, 20.0, 1.0), (12, 12, 12)), ((1.0, 5.0, 1.0), (12, 5, 12))],
)
def test_equal_agents_are_seldom_told_apart(spread, sizes):
    """Claims are wrong in 5% of experiments, over all pairs; 200 experiments show at most 16 with probability 0.97."""
    rng, wrong = np.random.default_rng(1), 0
    for seed in range(200):
        returns = [rng.normal(0.0, sd, size) for sd, size in zip(spread, sizes, strict=True)]
        wrong += any(test.p_value_joint <= MAX_ERROR for test in pair_tests(all_pairs(returns), seed=seed, num_labellings=300))
    assert wrong <= 16


def test_an_agent_that_spreads_far_more_is_not_better_because_its_few_seeds_lie_on_one_side():
    """One labelling in 126 puts them so far apart, but an agent that spreads far has five seeds on one side in 1 of 16 experiments."""
    narrow, wide = np.array([-0.02, -0.01, 0.0, 0.01, 0.02]), np.array([1.0, 2.0, 3.0, 20.0, 30.0])
    [test] = pair_tests([[(narrow, wide)]])
    assert test.p_value > MAX_ERROR
    assert test.p_value_joint > MAX_ERROR
