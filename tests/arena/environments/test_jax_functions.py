"""Blocks of steps are accounted for as the same steps taken one by one."""

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from arena.environments.jax_functions import MeteredFunctionalEnv
from arena.environments.metering import LOG_LENGTH, Meter, MeteredVectorEnv
from arena.errors import BudgetExhausted
from arena.testing import FakeVectorEnv

SCRIPTS = [((5, True), (3, False)), ((1, True),), ((40, False), (2, True))]


class FunctionalFake(FakeVectorEnv):
    functions = None


def make(kind, max_env_steps=None):
    meter = Meter(max_env_steps)
    return kind(FunctionalFake(SCRIPTS, AutoresetMode.SAME_STEP), meter, lambda: 11), meter


def take(env, num_steps):
    """Returns what `num_steps` vector steps give, each `[T, N]`."""
    return tuple(map(np.stack, zip(*(env.step(np.zeros(3, int))[1:4] for _ in range(num_steps)), strict=True)))


@pytest.mark.parametrize("lengths", [(1, 2, 3), (7, 7, 7, 7), (LOG_LENGTH + 40, 3)])
def test_blocks_count_as_steps_do(lengths):
    stepped, meter = make(MeteredVectorEnv)
    stepped.reset()
    blocked, other = make(MeteredFunctionalEnv)
    source = FunctionalFake(SCRIPTS, AutoresetMode.SAME_STEP)
    source.reset()
    assert blocked.begin() == 11
    for length in lengths:
        block = take(source, length)
        take(stepped, length)
        blocked.record(*block)
        assert (other.env_steps, other.num_episodes) == (meter.env_steps, meter.num_episodes)
        assert other.episodes == meter.episodes
    assert other.env_steps == 3 * sum(lengths)
    stepped.cut_episodes()
    blocked.cut_episodes()
    assert other.num_cut_episodes == meter.num_cut_episodes > 0


def test_the_budget_is_asked_for_blocks():
    env, meter = make(MeteredFunctionalEnv, max_env_steps=100)
    source = FunctionalFake(SCRIPTS, AutoresetMode.SAME_STEP)
    source.reset()
    env.begin()
    assert env.num_blocks_left(5) == 6
    env.record(*take(source, 30))
    assert meter.env_steps == 90
    assert env.num_blocks_left(1) == 3
    with pytest.raises(BudgetExhausted, match="90 of 100 env steps taken, the next step needs 15"):
        env.num_blocks_left(5)
    with pytest.raises(BudgetExhausted):
        env.record(*take(source, 4))
    assert meter.env_steps == 90


def test_an_unlimited_budget_has_room_for_any_block():
    assert make(MeteredFunctionalEnv)[0].num_blocks_left(10**6) > 10**9


def test_blocks_before_the_beginning_are_refused():
    env, _ = make(MeteredFunctionalEnv)
    block = (np.zeros((2, 3)), np.zeros((2, 3), bool), np.zeros((2, 3), bool))
    with pytest.raises(RuntimeError, match="begin"):
        env.record(*block)
    env.begin()
    env.record(*block)
    env.cut_episodes()
    with pytest.raises(RuntimeError, match="begin"):
        env.record(*block)


def test_steps_and_blocks_may_follow_each_other():
    env, meter = make(MeteredFunctionalEnv)
    env.reset()
    take(env, 4)
    source = FunctionalFake(SCRIPTS, AutoresetMode.SAME_STEP)
    source.reset()
    take(source, 4)
    env.record(*take(source, 4))
    expected, other = make(MeteredVectorEnv)
    expected.reset()
    take(expected, 8)
    assert meter.episodes == other.episodes
