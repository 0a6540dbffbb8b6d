"""What tests of searches share: an experiment's file with a table `tune`."""

from collections.abc import Callable
from pathlib import Path

import pytest

SEARCH = """
name = "search"
agents = ["arena.testing.fakes:FAKE_AGENT"]
envs = ["CartPole-v1"]
seeds = 3
[budget]
env_steps = 1000
[tune]
trials = 6
sampler = { name = "TPESampler", n_startup_trials = 3 }
[tune.space.q-learning]
epsilon = { low = 0.0, high = 1.0 }
num_envs = { choices = [2, 4] }
"""


@pytest.fixture
def write_search(tmp_path: Path) -> Callable[[str, str], Path]:
    """Returns a function that writes the file with one text replaced."""

    def write(old: str, new: str) -> Path:
        assert old in SEARCH
        file = tmp_path / "search.toml"
        file.write_text(SEARCH.replace(old, new))
        return file

    return write
