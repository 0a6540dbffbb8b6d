import itertools
import json

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from arena.agent.hyperparameters import DQNConfig
from arena.environments.metering import Meter, MeteredVectorEnv
from arena.errors import BudgetExhausted, TrainingDiverged
from arena.learning.replay_loop import ReplayLoop
from arena.testing import FakeVectorEnv

CONFIG = DQNConfig(
    num_envs=2,
    learning_starts=20,
    train_period=8,
    num_updates=3,
    target_update_period=16,
    epsilon_start=1.0,
    epsilon_end=0.0,
    epsilon_decay_steps=40,
)


class Recorder:
    """Takes transitions, scores action 1 best, and notes at which env step each burst came."""

    def __init__(self, config=CONFIG, max_env_steps: int | None = None, script=((7, True), (5, False))) -> None:
        seeds = itertools.count()
        scripts = [script] * config.num_envs
        self.meter = Meter(max_env_steps=max_env_steps)
        self.env = MeteredVectorEnv(FakeVectorEnv(scripts, AutoresetMode.NEXT_STEP), self.meter, lambda: next(seeds))
        self.loop = ReplayLoop(self.env, config, self, seed=0)
        self.rows, self.actions, self.bursts, self.loss = 0, [], [], 0.5

    def add(self, transitions) -> None:
        self.rows += int(transitions.valid.sum())
        self.actions += [(self.loop.env_steps, int(action)) for action in transitions.actions[transitions.valid]]

    def scores(self, observations):
        return np.tile(np.array([0.0, 1.0], np.float32), (len(observations), 1))

    def update(self, num_updates, update_target):
        self.bursts.append((self.loop.env_steps, num_updates, update_target))
        return {"td": self.loss}

    def run(self, num_steps):
        return self.loop.run(num_steps, self.scores, self.update)


def test_bursts_come_at_their_periods() -> None:
    recorder = Recorder()
    metrics = recorder.run(100)
    assert recorder.loop.env_steps == recorder.rows == recorder.meter.env_steps
    assert 100 <= recorder.rows < 100 + CONFIG.num_envs
    due = range(20 + 8, recorder.rows + 1, 8)
    assert len(recorder.bursts) == len(due) == recorder.loop.num_bursts
    for (env_steps, num_updates, update_target), when, number in zip(recorder.bursts, due, range(1, len(due) + 1), strict=True):
        assert when <= env_steps < when + CONFIG.num_envs  # right after the vector step that made the burst due
        assert num_updates == 3
        assert update_target == (number % 2 == 0)
    assert metrics.learner_steps == 3 * len(due)
    assert metrics.losses == {"td": 0.5}


def test_chunks_make_the_same_bursts_as_one_run() -> None:
    whole, parts = Recorder(), Recorder()
    learner_steps = sum(parts.run(num_steps).learner_steps for num_steps in (1, 30, 17, 72))
    whole.run(parts.loop.env_steps)
    assert parts.bursts == whole.bursts
    assert parts.actions == whole.actions
    assert learner_steps == 3 * len(whole.bursts)


def test_a_burst_missed_within_one_vector_step_is_made_up() -> None:
    config = DQNConfig(num_envs=8, learning_starts=1, train_period=2, target_update_period=2, batch_size=2, replay_capacity=100)
    recorder = Recorder(config, script=((1_000, True),))
    recorder.run(16)
    assert recorder.loop.num_bursts == (16 - 1) // 2


def test_exploration_falls_from_random_to_greedy() -> None:
    recorder = Recorder()
    recorder.run(400)
    early = [action for env_steps, action in recorder.actions if env_steps < CONFIG.learning_starts]
    late = [action for env_steps, action in recorder.actions if env_steps > CONFIG.epsilon_decay_steps]
    assert set(early) == {0, 1}
    assert set(late) == {1}


def test_restore_goes_on_exactly() -> None:
    recorder = Recorder()
    recorder.run(50)
    state = json.loads(json.dumps(recorder.loop.state()))
    recorder.env.cut_episodes()
    recorder.bursts.clear()
    recorder.actions.clear()
    recorder.run(60)
    other = Recorder()
    other.loop.restore(state)
    other.run(60)
    assert other.bursts == recorder.bursts
    assert other.actions == recorder.actions


def test_the_budget_passes_through_and_is_used_up() -> None:
    recorder = Recorder(max_env_steps=33)
    metrics = recorder.run(1_000)
    assert metrics.learner_steps == sum(burst[1] for burst in recorder.bursts) > 0, "what the last call did is reported"
    with pytest.raises(BudgetExhausted):
        recorder.run(1_000)
    assert 33 - CONFIG.num_envs < recorder.meter.env_steps <= 33


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_training(loss) -> None:
    recorder = Recorder()
    recorder.loss = loss
    with pytest.raises(TrainingDiverged, match="td is"):
        recorder.run(100)
