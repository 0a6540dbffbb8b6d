import contextlib
import dataclasses
import itertools

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.environments.metering import Meter, MeteredVectorEnv
from arena.errors import BudgetExhausted
from arena.learning.rollouts import collect_rollout, generalized_advantages, next_values
from arena.learning.transitions import TransitionStream
from arena.testing import FakeVectorEnv

MODES = list(AutoresetMode)
SCRIPTS = [[(3, True), (5, False)], [(1, True)], [(4, False), (2, True)]]
scripts = st.lists(st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=3), min_size=1, max_size=3)


def value_of(observations):
    """A value function that tells all observations apart."""
    index, episode, step = observations.T
    return (1.0 + 0.7 * index - 0.3 * episode + 0.11 * step).astype(np.float32)


def collect(all_scripts, mode: AutoresetMode, length: int, skip: int = 0, meter: Meter | None = None):
    seeds = itertools.count()
    stream = TransitionStream(MeteredVectorEnv(FakeVectorEnv(all_scripts, mode), meter or Meter(), lambda: next(seeds)))
    stream.start()
    for _ in range(skip):
        stream.step(np.zeros(len(all_scripts), np.int64))

    def act(observations):
        return observations[:, 2].astype(np.int64) % 2, value_of(observations), observations[:, :2]

    return collect_rollout(stream, length, act)


def plain_advantages(rollout, env: int, *, discount: float, gae_lambda: float) -> dict[int, float]:
    """Advantages of one environment's valid rows, by the definition: a discounted sum of temporal differences, in float64."""
    rows = [t for t in range(len(rollout.valid)) if rollout.valid[t, env]]
    finals = {(t, n): observation for t, n, observation in rollout.final_observations}
    deltas, ends = [], []
    for position, t in enumerate(rows):
        ended = bool(rollout.terminated[t, env] or rollout.truncated[t, env])
        if ended:
            following = finals[t, env]
        elif position + 1 < len(rows):
            following = rollout.observations[rows[position + 1], env]
        else:
            following = rollout.last_observations[env]
        bootstrap = 0.0 if rollout.terminated[t, env] else float(value_of(following[None])[0])
        deltas.append(float(rollout.rewards[t, env]) + discount * bootstrap - float(value_of(rollout.observations[t, env][None])[0]))
        ends.append(ended)
    advantages = {}
    for start, t in enumerate(rows):
        total, weight = 0.0, 1.0
        for position in range(start, len(rows)):
            total += weight * deltas[position]
            if ends[position]:
                break
            weight *= discount * gae_lambda
        advantages[t] = total
    return advantages


@settings(deadline=None, max_examples=25)
@given(scripts, st.sampled_from(MODES), st.integers(1, 15), st.integers(0, 6), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_advantages_equal_the_definition(all_scripts, mode, length, skip, discount, gae_lambda) -> None:
    rollout = collect(all_scripts, mode, length, skip)
    values = rollout.extras[0]
    following = next_values(rollout, values, value_of)
    advantages = generalized_advantages(
        rollout.rewards, values, following, rollout.terminated, rollout.truncated, discount=discount, gae_lambda=gae_lambda
    )
    assert advantages.dtype == np.float32
    for env in range(len(all_scripts)):
        for t, expected in plain_advantages(rollout, env, discount=discount, gae_lambda=gae_lambda).items():
            np.testing.assert_allclose(advantages[t, env], expected, rtol=1e-4, atol=1e-2)  # rewards reach 20,000


@settings(deadline=None, max_examples=20)
@given(scripts, st.sampled_from(MODES), st.integers(1, 15), st.integers(0, 6))
def test_a_rollout_holds_the_valid_rows_in_order(all_scripts, mode, length, skip) -> None:
    rollout = collect(all_scripts, mode, length, skip)
    num_envs = len(all_scripts)
    assert rollout.observations.shape == (length, num_envs, 3)
    assert rollout.rewards.dtype == np.float32
    assert rollout.num_env_steps == np.count_nonzero(rollout.valid)
    np.testing.assert_array_equal(rollout.actions, rollout.observations[:, :, 2].astype(int) % 2)
    np.testing.assert_array_equal(rollout.extras[1], rollout.observations[:, :, :2])
    ends = {(t, n) for t, n, _ in rollout.final_observations}
    assert ends == set(zip(*np.nonzero((rollout.terminated | rollout.truncated) & rollout.valid), strict=True))
    for t, n, observation in rollout.final_observations:
        assert observation[2] == rollout.observations[t, n, 2] + 1  # the true next observation, not that of the next episode


def test_truncation_is_bootstrapped_and_termination_is_not() -> None:
    rewards = np.array([[1.0, 1.0]], np.float32)
    values, following = np.array([[2.0, 2.0]], np.float32), np.array([[10.0, 10.0]], np.float32)
    terminated, truncated = np.array([[True, False]]), np.array([[False, True]])
    advantages = generalized_advantages(rewards, values, following, terminated, truncated, discount=0.5, gae_lambda=0.9)
    np.testing.assert_allclose(advantages, [[1.0 - 2.0, 1.0 + 5.0 - 2.0]])


def test_nothing_flows_back_over_the_end_of_an_episode() -> None:
    rewards = np.array([[0.0, 0.0], [100.0, 100.0]], np.float32)
    zeros = np.zeros((2, 2), np.float32)
    terminated, truncated = np.array([[True, False], [False, False]]), np.array([[False, True], [False, False]])
    advantages = generalized_advantages(rewards, zeros, zeros, terminated, truncated, discount=1.0, gae_lambda=1.0)
    np.testing.assert_array_equal(advantages, [[0.0, 0.0], [100.0, 100.0]])


def test_the_budget_passes_through() -> None:
    meter = Meter(max_env_steps=10)
    with pytest.raises(BudgetExhausted):
        collect([[(4, True)], [(4, False)]], AutoresetMode.SAME_STEP, 6, meter=meter)
    assert meter.env_steps == 10


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("budget", [None, 150])
def test_rollouts_read_from_the_meters_log_are_those_that_are_taken_step_by_step(mode, budget, monkeypatch) -> None:
    def taken(*, in_blocks: bool) -> list:
        meter, rng = Meter(budget), np.random.default_rng(0)
        env = MeteredVectorEnv(FakeVectorEnv(SCRIPTS, mode), meter, lambda: 5)
        stream, found = TransitionStream(env), []
        if not in_blocks:
            monkeypatch.setattr(stream, "begin_block", lambda num_steps: False)
        with contextlib.suppress(BudgetExhausted):
            for index, length in enumerate((7, 7, 1, 30, 300, 5)):  # the last but one is longer than the log
                if index == 3:
                    env.cut_episodes()
                stream.start()
                rollout = collect_rollout(stream, length, lambda observations: (rng.integers(2, size=3), rng.random((3, 2))))
                found.append({**{field.name: getattr(rollout, field.name) for field in dataclasses.fields(rollout)}, "act_seconds": 0})
        return [*found, meter.counts().env_steps, meter.episodes, rng.random()]

    blocks, steps = taken(in_blocks=True), taken(in_blocks=False)
    assert len(blocks) == len(steps) > (4 if budget else 8)
    np.testing.assert_equal(blocks, steps)
    for one, other in zip(blocks, steps, strict=True):
        if isinstance(one, dict):
            assert [getattr(value, "dtype", None) for value in one.values()] == [getattr(value, "dtype", None) for value in other.values()]
