from gymnasium.vector import AutoresetMode, SyncVectorEnv

from arena.environments.config import EnvConfig
from arena.environments.vectorize import make_vec_env


def test_the_vectorised_implementation_is_taken_only_where_nothing_is_passed() -> None:
    fast = make_vec_env(EnvConfig("CartPole-v1"), 3)
    slow = make_vec_env(EnvConfig("CartPole-v1", {"sutton_barto_reward": False}), 3)
    assert not isinstance(fast, SyncVectorEnv)
    assert isinstance(slow, SyncVectorEnv)
    assert slow.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert fast.single_observation_space == slow.single_observation_space
    fast.close()
    slow.close()
