"""Periods: due at each multiple that is reached or passed, once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.worker.period import Period


@pytest.mark.parametrize(
    ("before", "after", "is_due"), [(0, 99, False), (0, 100, True), (99, 101, True), (100, 199, False), (100, 450, True)]
)
def test_a_period_is_due_once_a_multiple_is_reached_or_passed(before: int, after: int, is_due: bool):
    assert Period(100).is_due(before, after) is is_due


@given(st.integers(0, 10**9), st.integers(1, 10**6))
def test_the_next_multiple_is_the_first_moment_at_which_it_is_due(env_steps: int, length: int):
    period = Period(length)
    following = period.next_multiple(env_steps)
    assert following % length == 0
    assert env_steps < following <= env_steps + length
    assert period.is_due(env_steps, following)
    assert not period.is_due(env_steps, following - 1)
