from pathlib import Path

import numpy as np

from arena.environments.config import EnvConfig
from arena.policies.policy import UniformPolicy
from arena.tournament.entry.env_spaces import env_spaces
from arena.tournament.play.load_policy import load_policy


def test_a_file_is_loaded_once_and_no_file_means_random_play(tmp_path: Path, write_policy):
    spaces, rng = env_spaces(EnvConfig("CartPole-v1")), np.random.default_rng(0)
    path = write_policy(tmp_path / "policy.onnx", "CartPole-v1")
    policy = load_policy(path, spaces, rng)
    assert load_policy(path, spaces, rng) is policy
    assert policy.act(np.zeros((3, 4), np.float32)).shape == (3,)
    random = load_policy(None, spaces, rng)
    assert isinstance(random, UniformPolicy)
    assert set(random.act(np.zeros((100, 4), np.float32)).tolist()) == {0, 1}
