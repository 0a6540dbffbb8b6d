from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from arena.environments.config import EnvConfig
from arena.errors import EnvironmentFault
from arena.policies.evaluation import evaluate


class Goal(gym.Env):
    """Episodes of 1 to 4 steps; those of an even length reach the goal. `info` has another value until the end."""

    observation_space = gym.spaces.Box(0.0, 10.0, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, ends: str = "terminated", bad: Any = None) -> None:
        self.ends, self.bad = ends, bad

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self.length, self.steps = int(self.np_random.integers(1, 5)), 0
        return np.array([self.length], np.float32), {"is_success": 7.0}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        ended = self.steps == self.length and self.ends != "never"
        info: dict[str, Any] = {"is_success": self.length % 2 == 0 if self.steps == self.length else 7.0, "distance": -1.5 * self.length}
        if self.bad is not None:
            info["is_success"] = self.bad
        return np.array([self.length], np.float32), 1.0, ended and self.ends == "terminated", ended and self.ends == "truncated", info


class First:
    """Always takes the first action."""

    def act(self, observations: Any, *, action_masks: Any = None) -> Any:
        return np.zeros(len(observations), np.int64)


FIRST = First()


@pytest.fixture(autouse=True)
def goal():
    gym.register("Goal-v0", Goal, disable_env_checker=True)
    yield
    del gym.registry["Goal-v0"]


@pytest.mark.parametrize("ends", ["terminated", "truncated"])
def test_the_last_value_of_each_episode_counts(ends: str):
    env = EnvConfig("Goal-v0", {"ends": ends})
    found = evaluate(FIRST, env, num_episodes=20, seed=0, num_envs=8, info_metrics=["is_success", "distance"])
    assert set(found.episode_lengths) == {1, 2, 3, 4}
    np.testing.assert_array_equal(found.metrics["is_success"], found.episode_lengths % 2 == 0)
    np.testing.assert_array_equal(found.metrics["distance"], -1.5 * found.episode_lengths)
    assert evaluate(FIRST, env, num_episodes=5, seed=0).metrics == {}


def test_an_episode_that_is_cut_has_the_value_of_its_last_step():
    env = EnvConfig("Goal-v0", {"ends": "never"})
    found = evaluate(FIRST, env, num_episodes=5, seed=0, max_episode_steps=6, info_metrics=["is_success"])
    np.testing.assert_array_equal(found.metrics["is_success"], [7.0] * 5)


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        ("is_sucess", None, "episode 1 has no finite 'is_sucess' in the info"),
        ("is_success", float("nan"), "episode 1 has no finite 'is_success'"),
        ("is_success", "yes", r"gave 'yes', which is not a number, as info\['is_success'\] at env step 1"),
    ],
)
def test_what_is_no_number_is_a_fault_of_the_environment(name: str, bad: Any, message: str):
    with pytest.raises(EnvironmentFault, match=message):
        evaluate(FIRST, EnvConfig("Goal-v0", {"bad": bad}), num_episodes=3, seed=0, info_metrics=[name])
