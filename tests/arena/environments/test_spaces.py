import gymnasium as gym
import numpy as np
import pytest

from arena.environments.spaces import ILLEGAL_SCORE, MaskedBox, features_of, network_inputs, random_actions, random_masks

LOW, HIGH = np.array([-1.0, -2.0]), np.array([1.0, 2.0])
OBSERVATIONS = np.array([[0.5, 1.5, 1.0, 0.0, 1.0], [-0.5, -1.5, 0.0, 1.0, 0.0]], np.float32)
"""Two observations of two features and three actions: the first allows actions 0 and 2, the second action 1."""


@pytest.fixture
def space() -> MaskedBox:
    return MaskedBox(LOW, HIGH, 3)


def test_a_masked_box_has_the_bounds_of_its_features_and_of_a_mask(space: MaskedBox):
    assert space.low.tolist() == [-1.0, -2.0, 0.0, 0.0, 0.0]
    assert space.high.tolist() == [1.0, 2.0, 1.0, 1.0, 1.0]
    assert (space.num_features, space.num_actions) == (2, 3)
    assert space.features == gym.spaces.Box(LOW.astype(np.float32), HIGH.astype(np.float32))
    assert repr(space) == "MaskedBox(2 features, 3 actions)"


def test_observations_split_into_features_and_masks(space: MaskedBox):
    features, masks = space.split(OBSERVATIONS)
    assert features.tolist() == [[0.5, 1.5], [-0.5, -1.5]]
    assert masks.tolist() == [[True, False, True], [False, True, False]]


def test_scores_of_forbidden_actions_are_below_all_others_and_finite(space: MaskedBox):
    scores = space.mask_scores(np.full((2, 3), -1e6, np.float32), OBSERVATIONS)
    illegal = np.float32(ILLEGAL_SCORE)
    assert scores.tolist() == [[-1e6, illegal, -1e6], [illegal, -1e6, illegal]]
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    assert illegal < -1e6


def test_samples_lie_in_the_space_with_zeros_and_ones_for_the_mask_and_at_least_one_allowed_action(space: MaskedBox):
    space.seed(0)
    samples = np.array([space.sample() for _ in range(100)])
    assert all(space.contains(sample) for sample in samples)
    assert set(np.unique(samples[:, 2:])) == {0.0, 1.0}
    assert (samples[:, 2:].sum(1) >= 1).all()
    assert len({tuple(sample) for sample in samples[:, 2:].tolist()}) == 7, "every mask but the one that allows nothing"


def test_spaces_are_equal_if_bounds_and_number_of_actions_are(space: MaskedBox):
    assert space == MaskedBox(LOW, HIGH, 3)
    assert space != MaskedBox(LOW, 2 * HIGH, 3)
    assert space != gym.spaces.Box(space.low, space.high)
    mask_as_feature = MaskedBox(np.append(LOW, 0.0), np.append(HIGH, 1.0), 2)
    assert np.array_equal(mask_as_feature.high, space.high)
    assert space != mask_as_feature, "the same numbers, read otherwise"


def test_a_network_reads_the_features_of_a_masked_box_and_all_of_any_other_space(space: MaskedBox):
    box = gym.spaces.Box(0.0, 1.0, (5,))
    assert network_inputs(space).shape == (2,)
    assert network_inputs(box) is box
    assert features_of(space, OBSERVATIONS).tolist() == OBSERVATIONS[:, :2].tolist()
    assert features_of(box, OBSERVATIONS) is OBSERVATIONS


def test_random_masks_allow_something_and_every_action_about_as_often():
    masks = random_masks(np.random.default_rng(0), 4_000, 4)
    assert (masks.shape, masks.dtype) == ((4_000, 4), np.bool_)
    assert masks.any(1).all()
    # 1/2 by its own coin, and 1/4 of the rest by the draw of the action that is always allowed; standard error 0.008.
    assert masks.mean(0) == pytest.approx(np.full(4, 0.625), abs=0.04)


def test_random_masks_allow_a_value_of_every_choice():
    masks = random_masks(np.random.default_rng(0), 2_000, 6, (2, 1, 3))
    assert all(masks[:, first:last].any(1).all() for first, last in ((0, 2), (2, 3), (3, 6)))
    assert not masks[:, [0, 1, 3, 4, 5]].all(0).any()
    several = MaskedBox(LOW, HIGH, 6, (2, 1, 3))
    assert repr(several) == "MaskedBox(2 features, 3 choices of 6 values)"
    assert several != MaskedBox(LOW, HIGH, 6)


def test_random_actions_are_uniform_among_the_allowed_ones():
    masks = np.tile([[True, False, True], [False, True, False], [False, False, False]], (1_000, 1))
    actions = random_actions(np.random.default_rng(0), masks).reshape(-1, 3)
    assert set(actions[:, 0]) == {0, 2}
    assert (actions[:, 0] == 2).mean() == pytest.approx(0.5, abs=0.08)  # standard error 0.016
    assert set(actions[:, 1]) == {1}
    assert set(actions[:, 2]) == {0}, "nothing is allowed"
