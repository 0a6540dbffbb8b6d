"""Whether two implementations of a greedy policy choose alike."""

import numpy as np

from arena.agent.interface import same_choices


def test_choices_may_differ_where_scores_tie_and_nowhere_else():
    scores = np.array([[57.422688, 57.422684], [57.422688, 57.40], [0.0, 1e-7], [0.0, 1e-3], [2.0, -1e30]], np.float32)
    actions = scores.argmax(-1)
    assert same_choices(actions, scores, 1 - actions).tolist() == [True, False, True, False, False]
    assert same_choices(actions, scores, actions).all()


def test_box_actions_may_differ_by_rounding():
    actions = np.array([[1.0, 0.5], [1.0, 0.5]], np.float32)
    other = actions + np.array([[1e-6, -1e-6], [1e-6, 1e-3]], np.float32)
    assert same_choices(actions, actions, other).tolist() == [True, False]


def test_actions_of_another_shape_are_other_actions():
    assert not same_choices(np.zeros((3, 1)), np.zeros((3, 1)), np.zeros(3)).any()
