import numpy as np
import pytest

from arena.run_folder.result import Status
from arena.statistics.outcomes import FAILURES, comparable_returns, failed_return, is_failure


def test_every_status_either_finished_or_failed_or_was_given_up_by_a_search():
    assert set(Status.__args__) == {"finished", "pruned"} | FAILURES
    assert [is_failure(status) for status in ("finished", "pruned", "crashed")] == [False, False, True]


@pytest.mark.parametrize(
    ("finished", "random", "expected"),
    [([5.0, 9.0], 7.0, 5.0), ([8.0, 9.0], 7.0, 7.0), ([8.0], None, 8.0), ([], 7.0, 7.0), ([], None, None)],
)
def test_a_failed_run_takes_the_worse_of_random_play_and_the_worst_that_finished(finished, random, expected):
    assert failed_return(finished, random) == expected


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e9])
def test_a_failed_run_is_below_the_worst_that_finished_and_equal_to_another_that_failed(scale):
    returns = scale * np.array([-3.0, -3.0 * (1 + 1e-13), 4.0, np.nan, 99.0])
    values = comparable_returns(returns, np.array([0, 0, 0, 1, 1]), -3.0 * scale)
    assert values[0] == values[1] < values[2]
    assert values[3] == values[4] < values[0]
    assert values[3] == pytest.approx(-3.0 * scale, abs=1e-5 * max(1.0, scale)), "too little to show in a mean"
