"""What an extra brings is all that its environments need."""

import pytest

from arena.environments.config import EnvConfig
from arena.environments.make import make_env

ENVIRONMENTS = {
    "atari": "ALE/Pong-v5",
    "box2d": "LunarLander-v3",
    "minatar": "MinAtar/Breakout-v1",
    "minigrid": "MiniGrid-Empty-5x5-v0",
    "mujoco": "HalfCheetah-v5",
}
"""One environment for each extra that brings some."""


@pytest.mark.extra
@pytest.mark.parametrize("extra", ENVIRONMENTS)
def test_the_environments_of_an_extra_can_be_made_and_stepped(extra: str):
    env = make_env(EnvConfig(ENVIRONMENTS[extra]))
    try:
        env.reset(seed=0)
        for _ in range(3):
            env.step(env.action_space.sample())
    finally:
        env.close()
