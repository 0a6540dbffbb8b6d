import gymnasium as gym
import pytest
from gymnasium.envs.classic_control.cartpole import CartPoleEnv, CartPoleVectorEnv
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from arena.environments.config import EnvConfig
from arena.environments.vectorize import make_vec_env


class Own(CartPoleEnv):
    """An environment of somebody's, with a vector form."""


def test_the_vectorised_implementation_is_taken_only_where_nothing_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = gym.envs.registration.EnvSpec("Own-v0", entry_point=Own, vector_entry_point=CartPoleVectorEnv, max_episode_steps=500)
    monkeypatch.setitem(gym.registry, "Own-v0", spec)
    fast = make_vec_env(EnvConfig("Own-v0"), 3)
    slow = make_vec_env(EnvConfig("Own-v0", {"sutton_barto_reward": False}), 3)
    assert isinstance(fast, CartPoleVectorEnv)
    assert isinstance(slow, SyncVectorEnv)
    assert slow.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert fast.single_observation_space == slow.single_observation_space
    fast.close()
    slow.close()
