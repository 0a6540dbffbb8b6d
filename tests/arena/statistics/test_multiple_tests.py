import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from arena.statistics.multiple_tests import holm, holm_of_pairs

p_values_of_tests = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8)


def test_holm_on_the_example_of_its_definition():
    """Sorted p times 4, 3, 2, 1, never falling: Holm (1979), by hand."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]).tolist() == []


@given(p_values_of_tests)
def test_holm_is_the_smallest_level_at_which_the_procedure_rejects(p_values):
    for value, corrected in zip(p_values, holm(p_values), strict=True):
        expected = max(min(1.0, sum(other >= smaller for other in p_values) * smaller) for smaller in p_values if smaller <= value)
        assert corrected == pytest.approx(expected)


@given(p_values_of_tests)
def test_holm_lies_between_the_false_discovery_rate_and_bonferroni(p_values):
    corrected = holm(p_values)
    assert (corrected >= np.maximum(p_values, false_discovery_control(p_values)) - 1e-12).all()
    assert (corrected <= np.minimum(1.0, len(p_values) * np.array(p_values)) + 1e-12).all()


def test_a_test_that_could_not_be_made_decides_nothing_and_takes_nothing_from_the_others():
    """NaN counts as p = 1; it must not inherit the small p-value that stands before it."""
    assert holm([0.01, math.nan, 0.2]) == pytest.approx([0.03, 1.0, 0.4])
    assert holm([0.001, math.nan]) == pytest.approx([0.002, 1.0])


def test_pairs_are_corrected_by_their_number_whatever_stands_on_the_diagonal():
    matrix = np.array([[np.nan, 0.01, np.nan], [0.01, 0.0, 0.2], [np.nan, 0.2, 0.5]])
    assert holm_of_pairs(matrix) == pytest.approx(np.array([[1.0, 0.03, 1.0], [0.03, 1.0, 0.4], [1.0, 0.4, 1.0]]))
