import itertools

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.utils import RunningMeanStd
from gymnasium.wrappers.vector import NormalizeObservation

from arena.environments.metered_env import MeteredEnv
from arena.environments.metering import Meter, MeteredVectorEnv
from arena.environments.spaces import MaskedBox
from arena.learning.normalization import (
    CLIP,
    NormalizedEnv,
    NormalizedVectorEnv,
    ObservationStatistics,
    RewardStatistics,
    normalized_space,
)
from arena.learning.transitions import TransitionStream
from arena.testing import FakeEnv, FakeVectorEnv

SCRIPTS = [[(5, True), (3, False)], [(2, False)], [(4, True), (1, True)]]
SPACE = gym.spaces.Box(-100.0, 100.0, (3,), np.float32)


def metered(mode: AutoresetMode) -> MeteredVectorEnv:
    seeds = itertools.count()
    return MeteredVectorEnv(FakeVectorEnv(SCRIPTS, mode), Meter(), lambda: next(seeds))


def test_observations_are_those_of_gymnasiums_own_wrapper() -> None:
    mode = AutoresetMode.NEXT_STEP  # Gymnasium's wrapper takes no other
    ours = NormalizedVectorEnv(metered(mode), ObservationStatistics(SPACE), RewardStatistics(0.9))
    theirs = NormalizeObservation(FakeVectorEnv(SCRIPTS, mode))
    mine, _ = ours.reset()
    expected, _ = theirs.reset(seed=0)
    np.testing.assert_allclose(mine, np.clip(expected, -CLIP, CLIP), rtol=1e-5, atol=1e-6)
    for _ in range(40):
        mine, *_ = ours.step(np.zeros(3, np.int64))
        expected, *_ = theirs.step(np.zeros(3, np.int64))
        np.testing.assert_allclose(mine, np.clip(expected, -CLIP, CLIP), rtol=1e-4, atol=1e-5)
    episodes = ours.meter.episodes
    assert episodes
    assert max(episode.episode_return for episode in episodes) > 10_000, "episodes are counted in the environment's own units"


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_rewards_are_divided_as_stable_baselines3_divides_them(mode: AutoresetMode) -> None:
    """As `VecNormalize.step_wait` does it: the discounted return of an episode that has ended counts, and the next one begins at zero.

    Gymnasium's own wrapper forgets the return in the step that terminates the episode instead of after it.
    """
    ours, raw = NormalizedVectorEnv(metered(mode), None, RewardStatistics(0.9)), metered(mode)
    ours.reset()
    raw.reset()
    moments, returns = RunningMeanStd(shape=()), np.zeros(3)
    for _ in range(40):
        _, mine, *_ = ours.step(np.zeros(3, np.int64))
        _, rewards, terminated, truncated, _ = raw.step(np.zeros(3, np.int64))
        returns = returns * 0.9 + rewards
        moments.update(returns)
        np.testing.assert_allclose(mine, np.clip(rewards / np.sqrt(moments.var + 1e-8), -10.0, 10.0), rtol=1e-6)
        returns[terminated | truncated] = 0.0


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_the_last_observation_of_an_episode_is_normalised_as_the_others_are(mode: AutoresetMode) -> None:
    statistics = ObservationStatistics(SPACE)
    stream = TransitionStream(NormalizedVectorEnv(metered(mode), statistics, None))
    raw = TransitionStream(metered(mode))
    stream.start()
    raw.start()
    for _ in range(30):
        seen, true = stream.step(np.zeros(3, np.int64)), raw.step(np.zeros(3, np.int64))
        ended = true.terminated | true.truncated
        np.testing.assert_allclose(seen.next_observations[ended], statistics.normalize(true.next_observations[ended]), atol=1e-6)
        np.testing.assert_array_equal(seen.rewards, true.rewards)


def test_a_single_environment_is_normalised_as_a_vector_of_one() -> None:
    script = ((5, True), (3, False))
    single = NormalizedEnv(MeteredEnv(FakeEnv(script), Meter(), lambda: 0), ObservationStatistics(SPACE), RewardStatistics(0.9))
    vector = MeteredVectorEnv(FakeVectorEnv([script], AutoresetMode.DISABLED), Meter(), lambda: 0)
    several = NormalizedVectorEnv(vector, ObservationStatistics(SPACE), RewardStatistics(0.9))
    one, _ = single.reset()
    many, _ = several.reset()
    for _ in range(20):
        np.testing.assert_allclose(one, many[0], rtol=1e-6)
        one, reward, terminated, truncated, _ = single.step(0)
        many, rewards, *_ = several.step(np.zeros(1, np.int64))
        assert reward == pytest.approx(rewards[0])
        if terminated or truncated:
            one, _ = single.reset()
            many, _ = several.reset(options={"reset_mask": np.ones(1, np.bool_)})
    assert single.meter.env_steps == several.meter.env_steps == 20


def test_statistics_go_on_from_where_they_were_saved() -> None:
    rng = np.random.default_rng(0)
    whole, first, second = (ObservationStatistics(SPACE) for _ in range(3))
    batches = rng.normal(3.0, 5.0, (6, 4, 3))
    for batch in batches:
        whole.update(batch)
    for batch in batches[:3]:
        first.update(batch)
    second.restore(first.state())
    for batch in batches[3:]:
        second.update(batch)
    assert second.state() == whole.state()
    np.testing.assert_array_equal(second.normalize(batches[0]), whole.normalize(batches[0]))
    rewards = RewardStatistics(0.9)
    rewards.normalize(np.array([1.0, 5.0]), np.array([1.0, 2.0]))
    other = RewardStatistics(0.9)
    other.restore(rewards.state())
    assert other.normalize(np.ones(2), np.ones(2)).tolist() == rewards.normalize(np.ones(2), np.ones(2)).tolist()


def test_an_action_mask_passes_through_unchanged() -> None:
    space = MaskedBox(np.zeros(2), np.full(2, 1000.0), 3)
    statistics = ObservationStatistics(space)
    observations = np.array([[500.0, 900.0, 1.0, 0.0, 1.0], [100.0, 800.0, 0.0, 1.0, 0.0]], np.float32)
    statistics.update(observations)
    normalised = statistics.normalize(observations)
    np.testing.assert_array_equal(normalised[:, 2:], observations[:, 2:])
    assert np.abs(normalised[:, :2]).max() < 2.0
    assert normalized_space(space) == MaskedBox(np.full(2, -CLIP), np.full(2, CLIP), 3)
