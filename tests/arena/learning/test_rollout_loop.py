import itertools
import json

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from arena.agent.hyperparameters import PPOConfig
from arena.environments.metering import Meter, MeteredVectorEnv
from arena.errors import BudgetExhausted, TrainingDiverged
from arena.learning.rollout_loop import RolloutLoop, epoch_minibatches
from arena.testing import FakeVectorEnv

CONFIG = PPOConfig(num_envs=2, rollout_length=10, batch_size=4, learning_rate=0.5, anneal_steps=100)


class Recorder:
    """Notes every rollout, and after how many env steps and with which learning rate it came."""

    def __init__(self, max_env_steps: int | None = None, mode: AutoresetMode = AutoresetMode.SAME_STEP) -> None:
        seeds = itertools.count()
        scripts = [[(7, True), (5, False)]] * CONFIG.num_envs
        self.meter = Meter(max_env_steps=max_env_steps)
        self.env = MeteredVectorEnv(FakeVectorEnv(scripts, mode), self.meter, lambda: next(seeds))
        self.loop = RolloutLoop(self.env, CONFIG)
        self.rollouts, self.updates, self.loss = [], [], 0.5

    def act(self, observations):
        return np.zeros(len(observations), np.int64), observations[:, 2]

    def update(self, rollout, learning_rate):
        self.rollouts.append(rollout)
        self.updates.append((self.loop.env_steps, learning_rate))
        return 3, {"policy": self.loss}

    def run(self, num_steps):
        return self.loop.run(num_steps, self.act, self.update)


def test_whole_rollouts_are_taken_until_there_are_enough_env_steps() -> None:
    recorder = Recorder()
    metrics = recorder.run(41)
    assert [len(rollout.rewards) for rollout in recorder.rollouts] == [10, 10, 10]
    assert recorder.loop.env_steps == recorder.meter.env_steps == 60
    assert metrics.learner_steps == 9
    assert metrics.losses == {"policy": 0.5}
    assert metrics.act_seconds > 0.0
    assert metrics.learn_seconds > 0.0


def test_rows_that_only_reset_an_environment_are_not_counted() -> None:
    recorder = Recorder(mode=AutoresetMode.NEXT_STEP)
    recorder.run(41)
    assert recorder.loop.env_steps == recorder.meter.env_steps == sum(rollout.valid.sum() for rollout in recorder.rollouts)
    assert recorder.loop.env_steps < 20 * len(recorder.rollouts)


def test_the_learning_rate_is_that_of_the_env_steps_before_the_rollout() -> None:
    recorder = Recorder()
    recorder.run(60)
    recorder.run(60)
    assert recorder.updates == [(20 * (i + 1), pytest.approx(0.5 * max(0.0, 1.0 - 0.2 * i))) for i in range(6)]


def test_calls_make_the_same_rollouts_as_one() -> None:
    whole, parts = Recorder(), Recorder()
    whole.run(80)
    for num_steps in (1, 20, 21):
        parts.run(num_steps)
    assert parts.updates == whole.updates
    for rollout, other in zip(parts.rollouts, whole.rollouts, strict=True):
        np.testing.assert_array_equal(rollout.observations, other.observations)


def test_restore_continues_exactly() -> None:
    recorder, other = Recorder(), Recorder()
    recorder.run(40)
    other.loop.restore(json.loads(json.dumps(recorder.loop.state())))
    other.run(20)
    assert other.updates == [(60, pytest.approx(0.5 * 0.6))]


def test_the_budget_ends_in_the_middle_of_a_rollout() -> None:
    recorder = Recorder(max_env_steps=50)
    metrics = recorder.run(1_000)
    assert metrics.learner_steps == 6, "what the last call did is reported"
    assert recorder.loop.env_steps == 40
    assert recorder.meter.env_steps == 50
    with pytest.raises(BudgetExhausted):
        recorder.run(1_000)


def test_a_loss_that_is_not_finite_ends_training() -> None:
    recorder = Recorder()
    recorder.loss = float("nan")
    with pytest.raises(TrainingDiverged, match="policy is nan after 20 env steps"):
        recorder.run(1)


def test_minibatches_of_fixed_number_hold_every_row_in_every_epoch() -> None:
    rows = np.arange(100, 123)
    minibatches = epoch_minibatches(rows, 8, 4, np.random.default_rng(0), num_minibatches=4)
    assert minibatches.shape == (4 * 4, 8)
    for epoch in minibatches.reshape(4, 32):
        assert sorted(epoch[:23]) == rows.tolist()
        assert epoch[23:].tolist() == epoch[:9].tolist()


def test_minibatches_run_over_the_ends_of_epochs() -> None:
    rows = np.arange(100, 123)
    minibatches = epoch_minibatches(rows, 8, 4, np.random.default_rng(0))
    assert minibatches.shape == (4 * 23 // 8, 8)
    assert sorted(minibatches.reshape(-1)[:23]) == sorted(minibatches.reshape(-1)[23:46]) == rows.tolist()


def test_too_few_rows_make_one_small_minibatch_an_epoch() -> None:
    assert epoch_minibatches(np.arange(5), 8, 3, np.random.default_rng(0)).shape == (3, 5)


def test_epochs_differ_and_seeds_decide_them() -> None:
    one, again, other = (epoch_minibatches(np.arange(16), 4, 2, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    assert (one[:4] != one[4:]).any()
