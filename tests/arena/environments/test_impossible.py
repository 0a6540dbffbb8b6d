import math

import pytest

from arena.environments.impossible import impossible_return
from arena.environments.references import Reference, Score

CARTPOLE = Reference(
    env_id="CartPole-v1", random=Score(20.0, "r"), threshold=None, lower_bound=Score(1.0, "one step"), upper_bound=Score(500.0, "500 steps")
)


@pytest.mark.parametrize("returns", [[], [1.0, 500.0], [500.0 * (1 + 1e-9), 1.0 - 1e-9]])
def test_returns_up_to_the_bounds_are_possible(returns):
    assert impossible_return(CARTPOLE, returns) == ""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (50_000.0, "returned 50000, and no episode can return more than 500 (500 steps)"),
        (math.inf, "returned inf, and no episode can return more than 500 (500 steps)"),
        (-7.0, "returned -7, and no episode can return less than 1 (one step)"),
    ],
)
def test_a_return_beyond_a_bound_is_named_with_the_bound_and_its_source(value, words):
    assert impossible_return(CARTPOLE, [20.0, value]) == words


def test_nothing_is_impossible_where_nothing_is_known():
    assert impossible_return(None, [1e9]) == ""
    assert impossible_return(Reference(**{**vars(CARTPOLE), "lower_bound": None, "upper_bound": None}), [1e9, -1e9]) == ""
