import gymnasium as gym
import numpy as np
import pytest

from arena.environments.action_form import common_actions
from arena.environments.choice_masks import mask_misfit, mask_reader

THREE = gym.spaces.MultiDiscrete([3, 2, 2])
TWO = gym.spaces.MultiBinary(2)
MANY = gym.spaces.MultiBinary(12)


def test_flags_of_values_allow_the_combinations_of_allowed_values():
    flags = np.array([0, 1, 1, 1, 0, 1, 1], bool)
    allowed = mask_reader(THREE, (7,))(flags)
    _, act = common_actions(THREE)
    assert [act(index).tolist() for index in np.flatnonzero(allowed)] == [[1, 0, 0], [1, 0, 1], [2, 0, 0], [2, 0, 1]]


def test_flags_of_combinations_stay_as_they_are():
    flags = np.arange(12) % 5 == 0
    assert mask_reader(THREE, (12,))(flags).tolist() == flags.tolist()


def test_a_table_has_a_row_for_each_choice():
    assert mask_reader(TWO, (2, 2))(np.array([[True, False], [True, True]])).tolist() == [True, True, False, False]


def test_too_many_combinations_keep_the_flags_of_values():
    flags = np.arange(24) % 3 > 0
    assert mask_reader(MANY, (24,))(flags).tolist() == flags.tolist()
    assert mask_reader(MANY, (12, 2))(flags.reshape(12, 2)).tolist() == flags.tolist()


@pytest.mark.parametrize(
    ("space", "shape", "message"),
    [
        (THREE, (7,), ""),
        (THREE, (12,), ""),
        (TWO, (2, 2), ""),
        (gym.spaces.MultiDiscrete([4]), (4,), ""),  # a single choice has but one meaning
        (MANY, (24,), ""),
        (
            TWO,
            (4,),
            r"4 flags could stand for the values of MultiBinary(2) or for its combinations: give a table [2, 2] with a row for each",
        ),
        (gym.spaces.MultiDiscrete([1, 2, 3]), (6,), "6 flags could stand for the values of MultiDiscrete([1 2 3]) or for its combinations"),
        (THREE, (5,), "it has 5 flags, and MultiDiscrete([3 2 2]) takes 7, one for each value of each choice, or 12 for its combinations"),
        (THREE, (3, 2), "it has 3 x 2 flags, and"),
        (MANY, (4_096,), "it has 4096 flags, and MultiBinary(12) takes 24, one for each value of each choice"),
    ],
)
def test_the_shape_decides_and_what_is_ambiguous_is_refused(space, shape, message):
    found = mask_misfit(space, shape)
    assert found.startswith(message) if message else not found
    assert ("combinations" in found) == (space is not MANY) or not found
