from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter, MeteredVectorEnv
from arena.environments.vectorize import make_sync_env

NAMES = ("is_success", "best")


class Sprint(gym.Env):
    """Episodes of 1 to 4 steps; those of an even length reach the goal. `best` stands in the `info` of the first step alone, and a reset's
    `info` holds another value, which is no episode's."""

    observation_space = gym.spaces.Box(0.0, 10.0, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self.length, self.steps = int(self.np_random.integers(1, 5)), 0
        return np.array([self.length], np.float32), {"is_success": 7.0, "best": 7.0}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        ended = self.steps == self.length
        info: dict[str, Any] = {"is_success": self.length % 2 == 0 if ended else 7.0}
        if self.steps == 1 and self.length != 3:
            info["best"] = 10.0 * self.length
        return np.array([self.length], np.float32), 1.0, ended, False, info


@pytest.fixture(autouse=True)
def _sprint() -> Iterator[None]:
    gym.register("Sprint-v0", Sprint, disable_env_checker=True)
    yield
    del gym.registry["Sprint-v0"]


def _expected(length: int) -> dict[str, float | None]:
    return {"is_success": float(length % 2 == 0), "best": None if length == 3 else 10.0 * length}


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_the_last_value_of_each_training_episode_is_kept(mode: AutoresetMode) -> None:
    made = make_sync_env(EnvConfig("Sprint-v0"), 3, autoreset_mode=mode, info_metrics=NAMES)
    env = MeteredVectorEnv(made, Meter(info_metrics=NAMES), lambda: 0)
    env.reset()
    for step in range(700):  # more than the log holds
        ended = np.logical_or(*env.step(np.zeros(3, np.int64))[2:4])
        if mode is AutoresetMode.DISABLED and ended.any():
            env.reset(options={"reset_mask": ended})
        if step == 350:
            env.cut_episodes()
            env.reset()
    episodes = env.meter.take_episodes()
    assert {episode.episode_length for episode in episodes} == {1, 2, 3, 4}
    assert [episode.metrics for episode in episodes] == [_expected(episode.episode_length) for episode in episodes]
    assert env.meter.take_episodes() == []


def test_environments_of_a_factory_fill_what_its_meter_keeps() -> None:
    factory = ArenaEnvFactory(EnvConfig("Sprint-v0"), Meter(info_metrics=NAMES), np.random.SeedSequence(0))
    vector, single = factory.make_vec(2), factory.make()
    vector.reset()
    for _ in range(20):
        vector.step(np.zeros(2, np.int64))
    for _ in range(10):
        single.reset()
        while not single.step(0)[2]:
            pass
    episodes = factory.meter.take_episodes()
    assert len(episodes) > 20
    assert [episode.metrics for episode in episodes] == [_expected(episode.episode_length) for episode in episodes]


def test_an_environment_with_a_faster_form_is_stepped_one_by_one_where_metrics_are_kept() -> None:
    plain, kept = (ArenaEnvFactory(EnvConfig("CartPole-v1"), Meter(info_metrics=names), np.random.SeedSequence(0)) for names in ((), NAMES))
    assert kept.identity["stepped_by"] is None
    env = kept.make_vec(4)
    env.reset()
    while not kept.meter.num_episodes:
        env.step(np.zeros(4, np.int64))
    assert kept.meter.take_episodes()[0].metrics == {"is_success": None, "best": None}
    assert plain.meter.take_episodes() == []


def test_nothing_is_kept_that_nobody_asked_for() -> None:
    factory = ArenaEnvFactory(EnvConfig("Sprint-v0"), Meter(), np.random.SeedSequence(0))
    env = factory.make_vec(1)
    env.reset()
    for _ in range(9):
        env.step(np.zeros(1, np.int64))
    assert {len(episode.metrics) for episode in factory.meter.take_episodes()} == {0}
