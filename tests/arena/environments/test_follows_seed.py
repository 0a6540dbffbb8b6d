import gymnasium as gym
import numpy as np
import pytest

from arena.environments.config import EnvConfig
from arena.environments.follows_seed import NUM_RESETS, follows_seed
from arena.environments.make import make_env
from arena.environments.vectorize import make_vec_env


class Draws(gym.Env):
    """Draws its first observation by a generator that is seeded as it is told."""

    def __init__(self, seeded: str = "always") -> None:
        self.observation_space, self.action_space = gym.spaces.Box(0.0, 1.0, (1,), np.float64), gym.spaces.Discrete(2)
        self.seeded, self.rng, self.num_resets = seeded, np.random.default_rng(), 0

    def reset(self, *, seed=None, options=None):
        self.num_resets += 1
        if self.seeded == "fails":
            raise RuntimeError("no connection")
        if seed is not None and (self.seeded == "always" or (self.seeded == "once" and self.num_resets == 1)):
            self.rng = np.random.default_rng(seed)
        return np.array([0.5 if self.seeded == "constant" else self.rng.random()]), {}


@pytest.mark.parametrize(("seeded", "expected"), [("always", True), ("once", False), ("never", False), ("constant", True), ("fails", True)])
def test_a_seed_that_is_ignored_is_found(seeded, expected) -> None:
    env = Draws(seeded)
    assert follows_seed(env) == expected
    assert env.num_resets <= NUM_RESETS


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1", "arena/Identity-v0", "arena/TicTacToe-v0", "FrozenLake-v1"])
def test_environments_that_come_along_follow_their_seed(env_id) -> None:
    for make in (make_env, lambda config: make_vec_env(config, 2)):
        env = make(EnvConfig(env_id))
        assert follows_seed(env)
        env.close()
