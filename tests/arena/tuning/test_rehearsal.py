"""The rehearsal finds what a sampler or pruner says only when it is asked."""

import sys
from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.tuning.config import load_tuning

pytestmark = pytest.mark.extra

FILE = """
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


def test_a_sampler_whose_library_is_missing_is_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Optuna imports `cmaes` only once it has something to sample from."""
    monkeypatch.setitem(sys.modules, "cmaes", None)
    file = tmp_path / "search.toml"
    file.write_text(FILE.replace('{ name = "TPESampler", n_startup_trials = 3 }', '"CmaEsSampler"'))
    with pytest.raises(ArenaError, match=r"tune.sampler: CmaEsSampler cannot choose settings: .*cmaes"):
        load_tuning(file)
