from collections import deque

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.learning.replay import ReplayBuffer
from arena.learning.transitions import Transitions

SPACE = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)
ACTIONS = gym.spaces.Discrete(5)


def batch(first: int, valid: list[bool]) -> Transitions:
    """Transitions numbered from `first`: every field tells the number."""
    numbers = np.arange(first, first + len(valid))
    observations = np.stack([numbers, -numbers], axis=1).astype(np.float32)
    return Transitions(
        observations, numbers % 5, numbers.astype(np.float32), observations + 0.5, numbers % 3 == 0, numbers % 2 == 0, np.array(valid)
    )


def numbers_in(buffer: ReplayBuffer) -> set[int]:
    """The transitions that samples come from."""
    rewards = buffer.sample(50 * buffer.capacity)[2]
    return {int(number) for number in rewards}


@settings(deadline=None, max_examples=50)
@given(st.integers(4, 9), st.lists(st.lists(st.booleans(), min_size=1, max_size=4), min_size=1, max_size=8))
def test_keeps_the_last_valid_transitions(capacity, batches) -> None:
    buffer, kept, first = ReplayBuffer(capacity, SPACE, ACTIONS, seed=0), deque(maxlen=capacity), 0
    for valid in batches:
        buffer.add(batch(first, valid))
        kept.extend(first + i for i, is_valid in enumerate(valid) if is_valid)
        first += len(valid)
    assert buffer.size == len(kept)
    if kept:
        assert numbers_in(buffer) == set(kept)  # 50 draws for each of at most 9: the chance to miss one is under 1e-19


def test_fields_of_a_draw_belong_together() -> None:
    buffer = ReplayBuffer(8, SPACE, ACTIONS, seed=0)
    for first in range(0, 20, 4):
        buffer.add(batch(first, [True] * 4))
    observations, actions, rewards, next_observations, terminated = buffer.sample(3, 16)
    assert observations.shape == (3, 16, 2)
    assert actions.shape == rewards.shape == terminated.shape == (3, 16)
    np.testing.assert_array_equal(observations[..., 0], rewards)
    np.testing.assert_array_equal(observations[..., 1], -rewards)
    np.testing.assert_array_equal(next_observations, observations + 0.5)
    np.testing.assert_array_equal(actions, rewards.astype(int) % 5)
    np.testing.assert_array_equal(terminated, rewards.astype(int) % 3 == 0)
    assert (actions.dtype, rewards.dtype, terminated.dtype) == (np.int64, np.float32, np.bool_)


def test_images_keep_their_type_and_box_actions_are_floats() -> None:
    buffer = ReplayBuffer(4, gym.spaces.Box(0, 255, (3, 3, 1), np.uint8), gym.spaces.Box(-1, 1, (2,), np.float32), seed=0)
    images, valid, zeros = np.full((2, 3, 3, 1), 200, np.uint8), np.array([True, True]), np.zeros(2, bool)
    buffer.add(Transitions(images, np.full((2, 2), 0.5), np.zeros(2, np.float32), images, zeros, zeros, valid))
    observations, actions, *_ = buffer.sample(2)
    assert (observations.dtype, actions.dtype) == (np.uint8, np.float32)
    assert (observations == 200).all()
    assert (actions == 0.5).all()


def test_draws_are_uniform() -> None:
    buffer = ReplayBuffer(4, SPACE, ACTIONS, seed=0)
    buffer.add(batch(0, [True] * 4))
    counts = np.bincount(buffer.sample(40_000)[2].astype(int), minlength=4)
    assert (abs(counts - 10_000) < 500).all()  # more than five standard deviations of 87


@pytest.mark.parametrize("num_batches", [0, 2, 5])
def test_a_restored_buffer_goes_on_exactly(tmp_path, num_batches) -> None:
    def filled() -> ReplayBuffer:
        return ReplayBuffer(10, SPACE, ACTIONS, seed=3)

    buffer = filled()
    for first in range(0, 4 * num_batches, 4):
        buffer.add(batch(first, [True, True, False, True]))
    if num_batches:
        buffer.sample(7)
    state = buffer.save(tmp_path)
    other = ReplayBuffer(10, SPACE, ACTIONS, seed=99)
    other.restore(tmp_path, state)
    for _ in range(4):
        buffer.add(batch(100, [True] * 3))
        other.add(batch(100, [True] * 3))
        for left, right in zip(buffer.sample(2, 8), other.sample(2, 8), strict=True):
            np.testing.assert_array_equal(left, right)


def test_a_vector_step_larger_than_the_buffer_is_refused() -> None:
    with pytest.raises(ValueError, match="replay_capacity=3 holds fewer transitions"):
        ReplayBuffer(3, SPACE, ACTIONS, seed=0).add(batch(0, [True] * 4))
