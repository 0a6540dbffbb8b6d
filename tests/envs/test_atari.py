"""Atari by ALE's own vector environment: one game and many are the same game, and metering counts its real rewards."""

import dataclasses

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from arena.environments.config import EnvConfig, WrapperConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.follows_seed import follows_seed
from arena.environments.make import make_env, own_time_limit
from arena.environments.metering import Meter
from arena.environments.vectorize import make_vec_env, time_limit
from arena.errors import ArenaError

pytestmark = [pytest.mark.extra, pytest.mark.xdist_group("atari")]
pytest.importorskip("ale_py")

SHORT = {"max_num_frames_per_episode": 300}


def breakout(*train: str, **kwargs) -> EnvConfig:
    return EnvConfig("ALE/Breakout-v5", kwargs, wrappers=(WrapperConfig("atari"),), train_wrappers=tuple(map(WrapperConfig, train)))


@pytest.mark.parametrize("config", [breakout(**SHORT), breakout("atari-training", **SHORT).in_training()], ids=["judged", "trained"])
def test_many_games_at_once_are_those_of_single_environments(config):
    games, singles = make_vec_env(config, 3), SyncVectorEnv([lambda: make_env(config)] * 3, autoreset_mode=AutoresetMode.SAME_STEP)
    assert not isinstance(games, SyncVectorEnv)
    assert games.single_observation_space == singles.single_observation_space
    assert time_limit(games) == own_time_limit(singles.envs[0]) == 75
    np.testing.assert_array_equal(games.reset(seed=2**40)[0], singles.reset(seed=2**40)[0])
    rng, num_ended, total = np.random.default_rng(0), 0, 0.0
    for _ in range(120):
        actions = rng.integers(0, 4, 3)
        found, expected = games.step(actions), singles.step(actions)
        for one, other in zip(found[:4], expected[:4], strict=True):
            np.testing.assert_array_equal(one, other)
        ended = found[2] | found[3]
        num_ended += np.count_nonzero(ended)
        total += found[1].sum()
        for index in np.flatnonzero(ended):
            np.testing.assert_array_equal(found[4]["final_obs"][index], expected[4]["final_obs"][index])
    assert num_ended >= 3
    assert total > 0.0


def test_rewards_are_clipped_and_episodes_end_with_a_life_in_training_alone():
    judged = EnvConfig("ALE/SpaceInvaders-v5", wrappers=(WrapperConfig("atari"),))
    trained = dataclasses.replace(judged, train_wrappers=(WrapperConfig("atari-training"),)).in_training()
    ends, rewards = [], []
    for config in (judged, trained):
        env, rng = make_vec_env(config, 4), np.random.default_rng(0)
        env.reset(seed=0)
        steps = [env.step(rng.integers(0, 6, 4)) for _ in range(200)]
        rewards.append({float(reward) for step in steps for reward in step[1]})
        ends.append(sum(np.count_nonzero(step[2]) for step in steps))
    assert ends[1] > ends[0]  # three lives
    assert max(rewards[0]) > 1.0
    assert rewards[1] == {0.0, 1.0}


def test_metering_counts_what_the_games_gave():
    config = EnvConfig("ALE/SpaceInvaders-v5", SHORT, wrappers=(WrapperConfig("atari"),))
    factory = ArenaEnvFactory(config, meter := Meter(), np.random.SeedSequence(0))
    assert factory.follows_seed
    env = factory.make_vec(4)
    env.reset()
    running, finished, rng = np.zeros(4), [], np.random.default_rng(0)
    for _ in range(150):
        _, rewards, terminated, truncated, _ = env.step(rng.integers(0, 6, 4))
        running += rewards
        finished += running[terminated | truncated].tolist()
        running[terminated | truncated] = 0.0
    assert (meter.env_steps, meter.num_outside) == (600, 0)
    assert [episode.episode_return for episode in meter.episodes] == finished
    assert sum(finished) > 0.0
    assert {episode.episode_length for episode in meter.episodes} <= set(range(68, 76))


def test_a_game_works_by_its_id_alone():
    env = make_env(EnvConfig("ALE/Pong-v5"))
    assert env.observation_space.shape == (210, 160, 3)
    assert follows_seed(env)
    assert env.reset(seed=0)[0].shape == (210, 160, 3)


def test_the_newest_frame_is_shown():
    env = make_env(EnvConfig("ALE/Pong-v5", wrappers=(WrapperConfig("atari", {"size": 64, "stack_size": 2}),)), render_mode="rgb_array")
    observation, _ = env.reset(seed=0)
    assert observation.shape == (64, 64, 2)
    np.testing.assert_array_equal(env.render()[..., 0], observation[..., -1])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (EnvConfig("CartPole-v1", wrappers=(WrapperConfig("atari"),)), "it goes around an environment of ALE, such as ALE/Pong-v5"),
        (EnvConfig("ALE/Pong-v5", wrappers=(WrapperConfig("atari-training"),)), "it goes directly around the wrapper 'atari'"),
        (breakout(mode=4), "ALE's vector environment cannot follow mode"),
        (breakout(max_episode_steps=50), "a time limit goes outside of it"),
    ],
)
def test_what_the_vector_environment_cannot_do_is_refused(config, message):
    with pytest.raises(ArenaError, match=message):
        make_env(config)
