"""Parity: a policy file chooses the same actions as its agent, or the run fails."""

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from arena.environments.spaces import MaskedBox
from arena.errors import TrainingDiverged
from arena.policies.onnx_network import Dense, PolicyNetwork
from arena.policies.parity import PARITY_BATCH_SIZE, ParityBroken, check_every, check_parity, parity_observations, same_choices
from arena.policies.policy import OnnxPolicy

SPACE, ACTIONS = gym.spaces.Box(-1.0, 1.0, (3,), np.float32), gym.spaces.Discrete(2)
VISITED = np.full((4, 3), 7.0, np.float32)


def test_choices_may_differ_where_scores_tie_and_nowhere_else():
    scores = np.array([[57.422688, 57.422684], [57.422688, 57.40], [0.0, 1e-7], [0.0, 1e-3], [2.0, -1e30]], np.float32)
    actions = scores.argmax(-1)
    assert same_choices(actions, scores, 1 - actions).tolist() == [True, False, True, False, False]
    assert same_choices(actions, scores, actions).all()


def test_every_one_of_several_choices_counts():
    scores = np.array([[1.0, 1.0 + 1e-7, 0.5, 0.0, 1.0], [1.0, 0.0, 0.5, 0.0, 1.0]], np.float32)
    actions = np.array([[1, 2], [0, 2]])
    assert same_choices(actions, scores, np.array([[0, 2], [0, 2]]), sizes=(2, 3)).tolist() == [True, True]
    assert same_choices(actions, scores, np.array([[0, 0], [0, 1]]), sizes=(2, 3)).tolist() == [False, False]


def test_a_value_outside_its_choice_is_no_greedy_choice():
    scores = np.array([[0, 0, 9, 9, 0]], np.float32)
    assert same_choices(np.array([[2, 0]]), scores, np.array([[2, 0]]), sizes=(3, 2)).tolist() == [True]
    assert same_choices(np.array([[2, 0]]), scores, np.array([[3, 0]]), sizes=(3, 2)).tolist() == [False], "the next choice's score"
    assert same_choices(np.array([[2, 0]]), scores, np.array([[2, -1]]), sizes=(3, 2)).tolist() == [False]
    assert same_choices(np.array([[2, 2]]), scores, np.array([[2, 2]]), sizes=(3, 2)).tolist() == [False], "the policy itself"
    assert same_choices(np.array([3, 3, 3]), np.repeat(scores, 3, 0), np.array([2, -1, 5])).tolist() == [True, False, False]


def test_box_actions_may_differ_by_rounding():
    actions = np.array([[1.0, 0.5], [1.0, 0.5]], np.float32)
    other = actions + np.array([[1e-6, -1e-6], [1e-6, 1e-3]], np.float32)
    assert same_choices(actions, actions, other).tolist() == [True, False]


def test_actions_of_another_shape_are_other_actions():
    assert not same_choices(np.zeros((3, 1)), np.zeros((3, 1)), np.zeros(3)).any()


def network(weights: np.ndarray) -> PolicyNetwork:
    return PolicyNetwork([Dense(weights.astype(np.float32), np.zeros(2, np.float32))], SPACE, ACTIONS)


@pytest.fixture
def exported(tmp_path: Path) -> tuple[OnnxPolicy, PolicyNetwork]:
    agent = network(np.eye(3, 2))
    agent.export(tmp_path / "policy.onnx")
    return OnnxPolicy(tmp_path / "policy.onnx"), agent


def test_a_policy_that_acts_as_its_agent_has_parity_one(exported):
    policy, agent = exported
    assert check_parity(policy, agent.actions, SPACE, ACTIONS, VISITED, seed=0) == 1.0


def test_a_policy_that_acts_otherwise_is_refused_with_the_fraction(exported):
    policy, agent = exported
    with pytest.raises(ParityBroken, match=rf"on only \d+\.\d% of {PARITY_BATCH_SIZE} observations"):
        check_parity(policy, lambda observations: 1 - agent.actions(observations), SPACE, ACTIONS, VISITED, seed=0)


def test_a_difference_on_visited_observations_alone_is_found(exported):
    policy, agent = exported

    def act(observations: np.ndarray) -> np.ndarray:
        visited = observations[:, 0] == 7.0
        return np.where(visited & (observations[:, 1] == 6.0), 1 - agent.actions(observations), agent.actions(observations))

    assert check_parity(policy, act, SPACE, ACTIONS, VISITED, seed=0) == 1.0
    with pytest.raises(ParityBroken, match=r"50\.0%"):
        check_parity(policy, act, SPACE, ACTIONS, VISITED - np.float32([0, 1, 0]), seed=0)


def test_scores_that_are_not_finite_mean_that_training_diverged(tmp_path: Path):
    network(np.full((3, 2), 3e38)).export(tmp_path / "policy.onnx")
    policy = OnnxPolicy(tmp_path / "policy.onnx")
    with pytest.raises(TrainingDiverged, match="scores are not finite"):
        check_parity(policy, policy.act, SPACE, ACTIONS, VISITED, seed=0)


@pytest.mark.parametrize("space", [SPACE, gym.spaces.Box(0, 255, (2, 2, 3), np.uint8), MaskedBox(np.zeros(3), np.ones(3), 4)])
def test_half_of_the_observations_are_random_and_half_were_visited(space: gym.spaces.Box):
    visited = np.zeros((5, *space.shape), space.dtype)
    visited[:] = 200 if space.dtype == np.uint8 else 7.0
    observations = parity_observations(space, visited, seed=3)
    half = PARITY_BATCH_SIZE // 2
    assert (observations.shape, observations.dtype) == ((PARITY_BATCH_SIZE, *space.shape), space.dtype)
    assert (observations[half:] == visited[0]).all()
    assert len(np.unique(observations[:half], axis=0)) > half // 2
    assert np.array_equal(observations, parity_observations(space, visited, seed=3))
    assert not np.array_equal(observations, parity_observations(space, visited, seed=4))
    if isinstance(space, MaskedBox):
        masks = observations[:half, space.num_features :]
        assert set(np.unique(masks)) == {0.0, 1.0}
        assert masks.any(-1).all(), "at least one action is allowed"


def test_every_observation_is_compared_in_batches_that_agents_compile_for(exported):
    policy, agent = exported
    sizes, observations = [], np.random.default_rng(0).normal(size=(700, 3)).astype(np.float32)
    check_every(policy, lambda batch: sizes.append(len(batch)) or agent.actions(batch), ACTIONS, observations)
    assert sizes == [PARITY_BATCH_SIZE, PARITY_BATCH_SIZE]

    def acts_otherwise_on_the_last(batch: np.ndarray) -> np.ndarray:
        actions = agent.actions(batch)
        return np.where((batch == observations[-1]).all(-1), 1 - actions, actions)

    with pytest.raises(ParityBroken, match="on only"):
        check_every(policy, acts_otherwise_on_the_last, ACTIONS, observations)


def test_scores_that_are_not_finite_are_no_reason_to_fail_at_the_end(tmp_path: Path):
    agent = network(np.full((3, 2), 3e38))
    agent.export(tmp_path / "policy.onnx")
    check_every(
        OnnxPolicy(tmp_path / "policy.onnx"), lambda batch: np.zeros(len(batch), np.int64), ACTIONS, np.full((3, 3), 10.0, np.float32)
    )
