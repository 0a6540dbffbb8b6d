import numpy as np
import pytest

from arena.statistics.ties import places, rank_all, without_noise


def test_float_noise_is_no_difference_and_a_real_one_stays():
    values = np.array([0.1 + 0.2, 0.3, 0.3 + 1e-7, np.nan, np.inf, -np.inf])
    cleaned = without_noise(values)
    assert cleaned[0] == cleaned[1] < cleaned[2]
    np.testing.assert_array_equal(cleaned[3:], values[3:])
    np.testing.assert_array_equal(without_noise(np.array([np.nan])), [np.nan])


def test_equal_numbers_share_a_place_whatever_their_last_digits_and_order():
    values = np.array([2158.0000000000005, 10.0, 2158.0, np.nan, 3000.0])
    assert places(values).tolist() == [2, 4, 2, 5, 1]
    assert places(values[::-1]).tolist() == [1, 5, 2, 4, 2]


def test_ranks_carry_what_is_not_excluded():
    ranks = rank_all({"a": 0.5, "b": 0.9, "c": 0.5, "d": 0.1}, {("b", "d"), ("a", "d")})
    assert {name: (rank.label, rank.low, rank.high) for name, rank in ranks.items()} == {
        "a": ("2=", 1, 3),
        "b": ("1", 1, 3),
        "c": ("2=", 1, 4),
        "d": ("4", 3, 4),
    }


def test_a_rank_by_value_is_never_excluded_even_by_a_decision_that_orders_otherwise():
    ranks = rank_all({"a": 2.0, "b": 1.0}, {("b", "a")})
    assert [(rank.value, rank.low, rank.high) for rank in ranks.values()] == [(1, 1, 2), (2, 1, 2)]


@pytest.mark.parametrize("values", [{}, {"a": 1.0}])
def test_few_names_have_ranks_too(values):
    assert {name: (rank.label, rank.low, rank.high) for name, rank in rank_all(values).items()} == dict.fromkeys(values, ("1", 1, 1))
