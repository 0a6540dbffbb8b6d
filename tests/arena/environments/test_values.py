"""Environments that give what no environment may give, found wherever they do it: by value, place, part and autoreset mode."""

import warnings
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from bad_env import GIVEN, LENGTH, NAMES, PLACES, BadEnv
from gymnasium.vector import AutoresetMode

from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from arena.environments.metered_env import MeteredEnv
from arena.environments.metering import Meter, MeteredVectorEnv
from arena.environments.values import BadValue, ValueWatch
from arena.environments.vectorize import make_vec_env
from arena.errors import EnvironmentFault


@pytest.fixture(autouse=True)
def bad_env() -> Iterator[None]:
    gym.register("Bad-v0", entry_point=BadEnv, disable_env_checker=True)
    BadEnv.made = -1  # `make_vec_env` makes one to look at
    yield
    del gym.registry["Bad-v0"]


def steps(env: MeteredVectorEnv, count: int) -> None:
    for _ in range(count):
        _, _, terminated, truncated, _ = env.step(np.zeros(env.num_envs, np.int64))
        ended = terminated | truncated
        if env.autoreset_mode is AutoresetMode.DISABLED and ended.any():
            env.reset(options={"reset_mask": ended})
    env.meter.settle()


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize(("what", "place"), GIVEN)
@pytest.mark.parametrize("value", NAMES)
def test_a_bad_value_is_named_with_its_place(what: str, value: str, place: str, mode: AutoresetMode) -> None:
    config = EnvConfig("Bad-v0", {"what": what, "value": value, "at": PLACES[place]})
    env = MeteredVectorEnv(make_vec_env(config, 3, autoreset_mode=mode), Meter(), lambda: 0)
    where = "the reset" if place == "reset" else f"env step {PLACES[place]}"
    # Three environments in step: three episodes have ended when the second of each begins.
    episode = 4 if (mode, place, value) != (AutoresetMode.SAME_STEP, "reset", "None") else 2  # the step that ended them gave nothing
    which = r" \(environment 2 of 3\)" if value != "None" else ""
    env.reset()
    with pytest.raises(EnvironmentFault, match=rf"^the environment gave {value} as {what} at {where} of episode {episode}{which}; fix the"):
        steps(env, 3 * LENGTH)
    assert env.meter.env_steps >= 3 * (LENGTH - 1), "the accounts can still be read"
    assert [end.episode_return for end in env.meter.take_episodes()] == [float(LENGTH)] * (0 if episode < 4 else 3)


@pytest.mark.parametrize(("what", "place"), GIVEN)
@pytest.mark.parametrize("value", NAMES)
def test_a_single_environment_is_looked_at_too(what: str, value: str, place: str) -> None:
    BadEnv.made = 0
    env = MeteredEnv(make_env(EnvConfig("Bad-v0", {"what": what, "value": value, "at": PLACES[place], "row": 0})), Meter(), lambda: 0)
    where = "the reset" if place == "reset" else f"env step {PLACES[place]}"
    env.reset()
    for _ in range(LENGTH):
        env.step(0)

    def second_episode() -> None:
        env.reset()
        for _ in range(LENGTH):
            env.step(0)

    with pytest.raises(EnvironmentFault, match=f"^the environment gave {value} as {what} at {where} of episode 2; fix the"):
        second_episode()
    assert env.meter.num_episodes == 1


def test_a_reward_that_float32_does_not_hold_is_named() -> None:
    config = EnvConfig("Bad-v0", {"value": "1e39"})
    env = MeteredVectorEnv(make_vec_env(config, 2), Meter(), lambda: 0)
    env.reset()
    with pytest.raises(
        EnvironmentFault, match=r"gave 1e\+39 \(infinite in float32\) as reward at env step 2 of episode 3 \(environment 2 of 2\)"
    ):
        steps(env, 2 * LENGTH)


def test_a_number_outside_of_a_discrete_space_is_named_as_a_framework_could_not_take_it() -> None:
    class Corridor(gym.Env[Any, Any]):
        observation_space, action_space = gym.spaces.Discrete(3), gym.spaces.Discrete(2)

        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
            return 0, {}

        def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
            return int(action), 1.0, False, False, {}

    gym.register("Corridor-v0", entry_point=Corridor, disable_env_checker=True)
    try:
        for outside in (3, -1):
            env = MeteredVectorEnv(make_vec_env(EnvConfig("Corridor-v0"), 1), Meter(), lambda: 0)
            env.reset()
            env.env.step = lambda actions, env=env, outside=outside: env.env.envs[0].step(outside)  # type: ignore[method-assign]
            with pytest.raises(EnvironmentFault, match=rf"gave {outside}, which is not in Discrete\(3\), as observation at env step 1 of"):
                env.step(np.array([0]))
    finally:
        del gym.registry["Corridor-v0"]


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize("place", PLACES)
def test_an_observation_outside_of_its_space_is_counted_and_warned_of_once(place: str, mode: AutoresetMode) -> None:
    config = EnvConfig("Bad-v0", {"what": "observation", "value": "1.5", "at": PLACES[place]})
    env = MeteredVectorEnv(make_vec_env(config, 3, autoreset_mode=mode), Meter(), lambda: 0)
    env.reset()
    with pytest.warns(UserWarning, match=r"outside of its space, Box\(.*num_outside_observations") as caught:
        steps(env, 3 * (LENGTH + 1))
    assert (len(caught), env.meter.num_outside) == (1, 1)
    assert env.meter.num_episodes >= 6
    restored = Meter()
    restored.restore(env.meter.counts())
    assert restored.num_outside == 1


def test_every_observation_outside_counts() -> None:
    watch = ValueWatch(gym.spaces.Box(0.0, 1.0, (2,), np.float32), 3)
    for row in range(4):
        watch.note(row, np.array([[0.0, 1.0], [2.0, -1.0], [0.5, 1.5]], np.float32), {})
    assert watch.look(np.zeros((4, 3))) == (None, 8)
    assert watch.look(np.zeros((4, 3)), counted=np.array([[True, False, True]] * 4)) == (None, 4)


def test_the_first_bad_value_is_found_and_what_is_outside_after_it_is_not_counted() -> None:
    watch = ValueWatch(gym.spaces.Box(0.0, 1.0, (2,), np.float32), 2)
    for row in range(5):
        value = np.nan if row == 3 else 2.0
        watch.note(row, np.array([[0.0, 1.0], [0.0, value]], np.float32), {})
    rewards = np.zeros((5, 2))
    assert watch.look(rewards) == (BadValue(3, 1, "NaN", "observation"), 3)
    rewards[2, 0] = -np.inf
    for row in range(5):
        watch.note(row, np.full((2, 2), np.nan if row == 3 else 0.0, np.float32), {})
    assert watch.look(rewards) == (BadValue(2, 0, "-infinity", "reward"), 0)


def test_images_of_bytes_are_not_written_down_and_small_numbers_of_rows_hold_large_observations() -> None:
    assert ValueWatch(gym.spaces.Box(0, 255, (84, 84, 4), np.uint8), 8).look(np.zeros((3, 8))) == (None, 0)
    assert ValueWatch(gym.spaces.Box(-1.0, 1.0, (84, 84, 4), np.float32), 8).num_rows == 2
    assert ValueWatch(gym.spaces.Box(-1.0, 1.0, (4,), np.float32), 64).num_rows == 256


def test_a_whole_run_of_good_values_says_nothing() -> None:
    env = MeteredVectorEnv(make_vec_env(EnvConfig("CartPole-v1"), 4), Meter(), lambda: 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env.reset()
        steps(env, 600)
    assert env.meter.num_outside == 0
