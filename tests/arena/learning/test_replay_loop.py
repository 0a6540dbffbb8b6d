import itertools
import json

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from arena.agent.hyperparameters import DQNConfig, SACConfig
from arena.environments.metering import Meter, MeteredVectorEnv
from arena.errors import BudgetExhausted, TrainingDiverged
from arena.learning.replay import ReplayBuffer
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


BOX = gym.spaces.Box(np.float32([-1.0, 0.0]), np.float32([3.0, 0.5]))
CONTINUOUS = SACConfig(num_envs=2, learning_starts=40, train_period=8, num_updates=3, batch_size=4, replay_capacity=400)


class BoxVectorEnv(FakeVectorEnv):
    """Fake environments that take actions of `BOX`, and keep them."""

    def __init__(self, num_envs: int) -> None:
        super().__init__([((7, True), (5, False))] * num_envs, AutoresetMode.NEXT_STEP)
        self.single_action_space, self.action_space = BOX, gym.vector.utils.batch_space(BOX, num_envs)
        self.taken = []

    def step(self, actions):
        self.taken.append(actions)
        return super().step(np.zeros(len(actions), np.int64))


def run_continuous(num_steps: int):
    """Returns the environments' actions, the replay buffer, the bursts and the loop; the agent's own action is (-1, 1)."""
    seeds, bursts = itertools.count(), []
    fake = BoxVectorEnv(CONTINUOUS.num_envs)
    env = MeteredVectorEnv(fake, Meter(), lambda: next(seeds))
    replay = ReplayBuffer(CONTINUOUS.replay_capacity, env.single_observation_space, BOX, seed=0)
    loop = ReplayLoop(env, CONTINUOUS, replay, seed=0)

    def update(num_updates, update_target):
        bursts.append((loop.env_steps, num_updates, update_target))
        return {"loss": 0.5}

    loop.run(num_steps, lambda observations: np.tile(np.float32([-1.0, 1.0]), (len(observations), 1)), update)
    return np.concatenate(fake.taken), replay, bursts, loop


def test_actions_of_a_box_are_stored_unscaled_and_taken_scaled() -> None:
    taken, replay, bursts, loop = run_continuous(80)
    stored = replay.arrays["actions"][: replay.size]
    assert stored.dtype == taken.dtype == np.float32
    warm_up = replay.arrays["actions"][: CONTINUOUS.learning_starts]
    assert np.abs(warm_up).max() <= 1.0
    assert (warm_up.min(0) < -0.8).all()
    assert (warm_up.max(0) > 0.8).all()
    np.testing.assert_array_equal(stored[CONTINUOUS.learning_starts + 2 :], [[-1.0, 1.0]] * (replay.size - CONTINUOUS.learning_starts - 2))
    np.testing.assert_allclose(taken[:14], BOX.low + (stored[:14] + 1.0) / 2.0 * (BOX.high - BOX.low), rtol=1e-5)  # the first episodes
    np.testing.assert_array_equal(taken[-1], [-1.0, 0.5])
    assert loop.env_steps == replay.size
    assert [burst[1:] for burst in bursts] == [(3, True)] * ((loop.env_steps - 40) // 8)


def test_warm_up_repeats_with_its_seed_and_stays_within_the_bounds() -> None:
    actions, again = run_continuous(40)[0], run_continuous(40)[0]
    np.testing.assert_array_equal(actions, again)
    assert all(BOX.contains(action) for action in actions)


def test_discrete_actions_need_an_epsilon() -> None:
    with pytest.raises(AssertionError):
        Recorder(CONTINUOUS)
