import itertools

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.environments.metering import Meter, MeteredVectorEnv
from arena.learning.transitions import TransitionStream
from arena.testing import FakeVectorEnv

scripts = st.lists(st.lists(st.tuples(st.integers(1, 6), st.booleans()), min_size=1, max_size=4), min_size=1, max_size=4)


def stream_of(all_scripts, mode: AutoresetMode) -> TransitionStream:
    seeds = itertools.count()
    stream = TransitionStream(MeteredVectorEnv(FakeVectorEnv(all_scripts, mode), Meter(), lambda: next(seeds)))
    assert stream.start()
    return stream


def collect(stream: TransitionStream, num_transitions: int) -> list[list[tuple]]:
    """For each environment its first `num_transitions` transitions, as plain tuples."""
    num_envs = stream.env.num_envs
    collected = [[] for _ in range(num_envs)]
    while min(len(rows) for rows in collected) < num_transitions:
        actions = np.array([len(rows) % 2 for rows in collected])
        t = stream.step(actions)
        for i in np.flatnonzero(t.valid):
            row = (*t.observations[i], t.actions[i], t.rewards[i], *t.next_observations[i], t.terminated[i], t.truncated[i])
            collected[i].append(tuple(float(value) for value in row))
    return [rows[:num_transitions] for rows in collected]


def oracle(script, index: int, num_transitions: int) -> list[tuple]:
    rows, episode = [], 0
    while len(rows) < num_transitions:
        length, terminated = script[episode % len(script)]
        for step in range(1, length + 1):
            ended = step == length
            observation, following = (index, episode, step - 1), (index, episode, step)
            reward = 10_000 * index + 100 * episode + step
            row = (*observation, len(rows) % 2, reward, *following, ended and terminated, ended and not terminated)
            rows.append(tuple(float(value) for value in row))
        episode += 1
    return rows[:num_transitions]


@settings(deadline=None, max_examples=30)
@given(scripts, st.sampled_from(list(AutoresetMode)))
def test_every_mode_gives_the_true_transitions(all_scripts, mode) -> None:
    expected = [oracle(script, index, 20) for index, script in enumerate(all_scripts)]
    assert collect(stream_of(all_scripts, mode), 20) == expected


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_start_resets_only_when_it_must(mode) -> None:
    stream = stream_of([[(1, True)], [(4, False)]], mode)
    stream.step(np.zeros(2, np.int64))
    observations = stream.observations
    assert not stream.start()
    assert stream.observations is observations
    stream.env.cut_episodes()
    assert stream.start()
    assert stream.observations[:, 2].tolist() == [0.0, 0.0]
    t = stream.step(np.zeros(2, np.int64))  # nothing waits after a reset, whatever ended before it
    assert t.valid.all()
    assert stream.num_valid == 2
    assert t.next_observations[:, 2].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_earlier_transitions_do_not_change_when_the_stream_moves_on(mode) -> None:
    stream = stream_of([[(2, True)], [(3, False)]], mode)
    steps = []
    for _ in range(8):
        t = stream.step(np.zeros(2, np.int64))
        steps.append((t, t.observations.copy(), t.next_observations.copy(), t.rewards.copy(), t.valid.copy(), t.terminated.copy()))
    for t, observations, next_observations, rewards, valid, terminated in steps:
        np.testing.assert_array_equal(t.observations, observations)
        np.testing.assert_array_equal(t.next_observations, next_observations)
        np.testing.assert_array_equal(t.rewards, rewards)
        np.testing.assert_array_equal(t.valid, valid)
        np.testing.assert_array_equal(t.terminated, terminated)
        assert t.rewards.dtype == np.float32
