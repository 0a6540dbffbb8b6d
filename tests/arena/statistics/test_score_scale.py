import numpy as np
import pytest

from arena.statistics.score_scale import ScoreScale, mean_score_bounds

CARTPOLE = ScoreScale(random=20.0, solved=120.0, bounds=(0.0, 220.0))


def test_random_play_scores_0_and_a_solution_1():
    assert CARTPOLE.score(np.array([[20.0, 120.0], [70.0, 220.0]])) == pytest.approx(np.array([[0.0, 1.0], [0.5, 2.0]]))
    assert CARTPOLE.score(70.0) == 0.5


def test_bounds_of_a_mean_score_are_the_mean_of_the_bounds():
    open_above = ScoreScale(random=-200.0, solved=-100.0, bounds=(-200.0, np.inf))
    assert mean_score_bounds([CARTPOLE]) == pytest.approx((-0.2, 2.0))
    assert mean_score_bounds([CARTPOLE, open_above]) == pytest.approx((-0.1, np.inf))


def test_an_environment_without_a_solved_return_has_no_scores():
    with pytest.raises(AssertionError, match="without a solved return"):
        ScoreScale(random=0.0, solved=None).score(1.0)
