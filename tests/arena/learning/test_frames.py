"""Replay of stacks of frames: draws are those of a buffer of whole observations with the same seed, in a fraction of the memory."""

import os
import shutil
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena.environments.images import are_stacks
from arena.learning import segments
from arena.learning.frames import FrameStore
from arena.learning.replay import ReplayBuffer
from arena.learning.transitions import Transitions

ACTIONS = gym.spaces.Discrete(5)


class Player:
    """Plays environments whose observations are stacks `[H, W, K]` of random frames, as Gymnasium resets them a step after an end."""

    def __init__(
        self, num_envs: int, depth: int, seed: int, *, end: float = 0.2, jump: float = 0.0, size: tuple[int, int] = (2, 3)
    ) -> None:
        self.num_envs, self.depth, self.end, self.jump, self.size = num_envs, depth, end, jump, size
        self.rng = np.random.default_rng(seed)
        self.ended = np.zeros(num_envs, np.bool_)
        self.reset()

    def reset(self) -> None:
        self.stacks, self.ended = np.stack([self.first() for _ in range(self.num_envs)]), np.zeros(self.num_envs, np.bool_)

    def frame(self) -> np.ndarray:
        return self.rng.integers(0, 3, self.size).astype(np.uint8)  # few values: equal frames come up

    def first(self) -> np.ndarray:
        padding = self.frame() if self.rng.random() < 0.5 else np.zeros(self.size, np.uint8)
        return np.stack([*[padding] * (self.depth - 1), self.frame()], -1)

    def step(self) -> Transitions:
        rng, before, valid = self.rng, self.stacks, ~self.ended
        after = np.stack([np.concatenate([stack[..., 1:], self.frame()[..., None]], -1) for stack in before])
        for env in range(self.num_envs):
            if self.ended[env] or rng.random() < self.jump:
                after[env] = self.first()
        self.ended = valid & (rng.random(self.num_envs) < self.end)
        terminated = self.ended & (rng.random(self.num_envs) < 0.5)
        self.stacks = after
        actions, rewards = rng.integers(0, 5, self.num_envs), rng.random(self.num_envs).astype(np.float32)
        return Transitions(before, actions, rewards, after, terminated, self.ended & ~terminated, valid)


def buffers(capacity: int, player: Player) -> tuple[ReplayBuffer, ReplayBuffer]:
    """A buffer that may store frames, and one of floats, which never does."""
    shape = (*player.size, player.depth)
    spaces = gym.spaces.Box(0, 255, shape, np.uint8), gym.spaces.Box(0, 255, shape, np.float32)
    return tuple(ReplayBuffer(capacity, space, ACTIONS, seed=7) for space in spaces)


def is_by_frames(buffer: ReplayBuffer) -> bool:
    return buffer.arrays["observations"].ndim == 2


def check_same_draws(one: ReplayBuffer, whole: ReplayBuffer) -> None:
    for left, right in zip(one.sample(2, 16), whole.sample(2, 16), strict=True):
        np.testing.assert_array_equal(left, right)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(
    num_envs=st.integers(1, 3),
    depth=st.integers(2, 4),
    capacity=st.integers(3, 40),
    end=st.sampled_from([0.0, 0.2, 0.9]),
    jump=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 99),
)
def test_stacks_are_drawn_as_whole_observations_would_be(num_envs, depth, capacity, end, jump, seed) -> None:
    player = Player(num_envs, depth, seed, end=end, jump=jump)
    frames, whole = buffers(capacity, player)
    for _ in range(50):
        transitions = player.step()
        frames.add(transitions)
        whole.add(transitions)
        if whole.size:
            check_same_draws(frames, whole)
    assert frames.sample(3)[0].dtype == np.uint8


@pytest.mark.parametrize(("capacity", "end"), [(50, 0.1), (12, 0.1), (12, 0.9)])
def test_a_restored_buffer_goes_on_exactly_and_shares_segments(tmp_path: Path, monkeypatch, capacity, end) -> None:
    monkeypatch.setattr(segments, "MAX_SEGMENT_ROWS", 4)
    player = Player(2, 3, seed=1, end=end)
    frames, whole = buffers(capacity, player)
    before: Path | None = None
    for checkpoint in range(6):
        for _ in range(11):
            transitions = player.step()
            frames.add(transitions)
            whole.add(transitions)
        player.reset()
        directory = tmp_path / str(checkpoint)
        directory.mkdir()
        if before is not None:
            shutil.copytree(before / "segments", directory / "segments", copy_function=os.link)
        state, before = frames.save(directory), directory
        restored = buffers(capacity, player)[0]
        restored.restore(directory, state)
        assert is_by_frames(restored)
        # The one that was never stopped and the restored one take turns: both must go on alike, and write the same next checkpoint.
        check_same_draws(restored, whole)
        frames.sample(2, 16)
        if checkpoint % 2:
            frames = restored


def test_one_state_gives_one_checkpoint_stopped_or_not(tmp_path: Path) -> None:
    player = Player(2, 3, seed=3)
    frames, _ = buffers(20, player)
    for _ in range(30):
        frames.add(player.step())
    player.ended[:] = False  # as if a reset gave the very images that were last seen
    (tmp_path / "middle").mkdir()
    state = frames.save(tmp_path / "middle")
    restored, _ = buffers(20, player)
    restored.restore(tmp_path / "middle", state)
    steps = [player.step() for _ in range(30)]
    written = []
    for buffer, name in ((frames, "running"), (restored, "restored")):
        for transitions in steps:
            buffer.add(transitions)
        (tmp_path / name).mkdir()
        state = buffer.save(tmp_path / name)
        written.append((state, {path.name: path.read_bytes() for path in (tmp_path / name / "segments").iterdir()}))
    assert written[0] == written[1]


def test_each_frame_of_a_stack_is_held_once() -> None:
    player = Player(4, 4, seed=0, end=0.002, size=(84, 84))
    frames, _ = buffers(1_000, player)
    for _ in range(400):
        frames.add(player.step())
    whole = 1_000 * 2 * 84 * 84 * 4
    assert is_by_frames(frames)
    assert frames.num_bytes < whole / 6


def test_images_that_are_no_stacks_are_held_whole() -> None:
    player = Player(2, 4, seed=0, jump=1.0)
    frames, whole = buffers(10, player)
    for _ in range(12):
        transitions = player.step()
        frames.add(transitions)
        whole.add(transitions)
    assert not is_by_frames(frames)
    check_same_draws(frames, whole)


@pytest.mark.parametrize("colour", [0, 255])
def test_coloured_images_that_begin_with_an_empty_screen_are_held_whole(colour: int) -> None:
    rng = np.random.default_rng(0)
    screens = [np.full((2, 6, 6, 3), colour, np.uint8), rng.integers(0, 256, (2, 6, 6, 3), np.uint8)]
    assert not are_stacks(screens[0], screens[0])
    assert not are_stacks(screens[0], np.full((2, 6, 6, 3), 255 - colour, np.uint8))
    stack = np.concatenate([screens[0][..., 1:], screens[1][..., :1]], -1)
    assert are_stacks(screens[0], stack), "of a stack, the new frame differs"
    four = np.full((2, 6, 6, 4), colour, np.uint8)
    assert are_stacks(four, four), "no picture in colour has four channels, and a game may stand still at its start"


def test_a_store_that_is_full_of_needed_frames_grows() -> None:
    store, stack = FrameStore((1, 1, 2), 6), np.zeros((1, 1, 1, 2), np.uint8)
    numbers = []
    for value in range(20):
        following = np.concatenate([stack[..., 1:], np.full((1, 1, 1, 1), value, np.uint8)], -1)
        assert are_stacks(stack, following)
        numbers.append(store.add(stack, following, [0], lambda: 0)[1])
        stack = following
    assert [store.stacks(number)[0, 0, 0, 1] for number in numbers] == list(range(20))
