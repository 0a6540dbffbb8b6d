import gymnasium as gym
import numpy as np
import pytest

from arena.environments.choices import (
    allows_something,
    are_allowed,
    are_in_space,
    best_actions,
    head_sizes,
    num_scores,
    score_indices,
    split_heads,
    taken_values,
    uniform_actions,
)

SIZES = (3, 2, 4)
SPACE = gym.spaces.MultiDiscrete(SIZES)


def test_scores_are_counted_by_the_space():
    box = gym.spaces.Box(-1.0, 1.0, (5,))
    assert [num_scores(space) for space in (gym.spaces.Discrete(4), SPACE, box)] == [4, 9, 5]
    assert [head_sizes(space) for space in (gym.spaces.Discrete(4), SPACE, box)] == [(), SIZES, ()]


def test_the_best_of_each_choice_is_taken_where_its_scores_stand():
    scores = np.array([[0, 5, 1, 2, 9, 0, 0, 0, 3], [7, 5, 1, 2, 1, 0, 8, 0, 3]], np.float32)
    assert [head.shape for head in split_heads(scores, SIZES)] == [(2, 3), (2, 2), (2, 4)]
    assert best_actions(scores, SIZES).tolist() == [[1, 1, 3], [0, 0, 1]]
    assert best_actions(scores).tolist() == [4, 6]
    assert score_indices(best_actions(scores, SIZES), SIZES).tolist() == [[1, 4, 8], [0, 3, 6]]
    assert score_indices(best_actions(scores), ()).tolist() == [[4], [6]]
    assert taken_values(scores, best_actions(scores, SIZES), SIZES).tolist() == [[5, 9, 3], [7, 2, 8]]
    assert taken_values(scores, best_actions(scores), ()).tolist() == [[9], [8]]


def test_random_choices_are_uniform_within_their_masks():
    masks = np.tile([True, False, True, False, True, True, True, True, True], (8_000, 1))
    actions = uniform_actions(SPACE, np.random.default_rng(0), 8_000, masks)
    assert are_allowed(actions, masks, SIZES).all()
    assert set(actions[:, 0]) == {0, 2}
    assert set(actions[:, 1]) == {1}
    shares = np.bincount(actions[:, 2]) / 8_000
    assert shares == pytest.approx(np.full(4, 0.25), abs=0.025)  # five standard deviations
    free = uniform_actions(SPACE, np.random.default_rng(0), 8_000, None)
    assert [len(set(column)) for column in free.T] == list(SIZES)
    assert abs(np.corrcoef(free.T)[~np.eye(3, dtype=bool)]).max() < 0.06, "choices are drawn independently"
    assert set(uniform_actions(gym.spaces.Discrete(2), np.random.default_rng(0), 50, None)) == {0, 1}


def test_one_forbidden_choice_forbids_an_action():
    masks = np.ones((2, 9), np.bool_)
    masks[1, 4] = False
    actions = np.array([[2, 1, 3], [2, 1, 3]])
    assert are_allowed(actions, masks, SIZES).tolist() == [True, False]
    assert are_allowed(np.array([4, 4]), masks, ()).tolist() == [True, False]
    outside = np.array([[3, 0, 0], [0, -1, 0], [0, 0, 4]])  # the flags there are those of other choices
    assert not are_allowed(outside, np.ones((3, 9), np.bool_), SIZES).any()
    assert not are_allowed(np.array([-1, 9]), np.ones((2, 9), np.bool_), ()).any()


def test_values_that_are_not_there_are_found():
    assert are_in_space(np.array([[2, 1, 3], [3, 0, 0], [0, -1, 0]]), SPACE).tolist() == [True, False, False]
    assert are_in_space(np.array([0, 2, -1]), gym.spaces.Discrete(2)).tolist() == [True, False, False]


def test_every_choice_needs_an_allowed_value():
    flags = np.array([True, False, False, True, False, False, False, False, True])
    assert allows_something(flags, SIZES)
    flags[3] = False
    assert not allows_something(flags, SIZES)
    assert allows_something(flags, ())
    assert not allows_something(np.zeros(9, np.bool_), ())
