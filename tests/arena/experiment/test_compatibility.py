"""Frameworks that a worker may import for its environment: a plug-in or the experiment's file declares them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from arena.environments import plugins
from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.experiment.compatibility import env_frameworks
from arena.experiment.file import from_table
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord


def test_a_plug_in_declares_by_the_beginning_of_the_id(monkeypatch: pytest.MonkeyPatch):
    found = (plugins.EnvPlugin(), plugins.EnvPlugin(frameworks={"fast/": frozenset({"jax"}), "fast/B": frozenset({"torch"})}))
    monkeypatch.setattr(plugins, "plugins", lambda: found)
    assert env_frameworks(EnvConfig("fast/A-v0")) == {"jax"}
    assert env_frameworks(EnvConfig("some_module:fast/A-v0")) == {"jax"}
    assert env_frameworks(EnvConfig("fast/B-v0")) == {"jax", "torch"}
    assert env_frameworks(EnvConfig("slow/A-v0")) == frozenset()


def test_a_file_declares_more():
    assert env_frameworks(EnvConfig("CartPole-v1"), ("torch",)) == {"torch"}


def test_a_module_that_is_not_a_framework_is_refused_with_the_near_one():
    with pytest.raises(
        ArenaError, match=r"'CartPole-v1': frameworks = \['tensorflw'\] isn't a framework's module; did you mean 'tensorflow'"
    ):
        env_frameworks(EnvConfig("CartPole-v1"), ("tensorflw",))


def test_frameworks_in_a_file_reach_the_run_and_are_not_among_its_inputs():
    table = {"agents": ["random"], "envs": [{"id": "CartPole-v1", "frameworks": ["jax"]}, "Acrobot-v1"]}
    with_jax, without = from_table(table).runs()
    assert (with_jax.resources.env_frameworks, without.resources.env_frameworks) == (("jax",), ())
    assert "frameworks" not in str(with_jax.inputs())


ENVIRONMENT = """
import gymnasium, jax

class Env(gymnasium.Env):
    observation_space, action_space = gymnasium.spaces.Discrete(2), gymnasium.spaces.Discrete(2)
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return 0, {}
    def step(self, action):
        return 0, 1.0, True, False, {}

gymnasium.register("ArenaTestNeedsJax-v0", entry_point=Env)
"""
FILE = """
name = "test"
agents = ["arena.testing.fakes:FAKE_AGENT"]
envs = [{{ id = "arena_test_needs_jax:ArenaTestNeedsJax-v0"{frameworks} }}]
budget = {{ env_steps = 200 }}
evaluation = {{ period = 100, episodes = 2, final_episodes = 2 }}
"""


@pytest.mark.worker
def test_an_environment_by_its_module_runs_with_the_framework_that_its_file_declares_and_else_says_how(tmp_path: Path):
    (tmp_path / "jax.py").write_text("")  # a stand-in
    (tmp_path / "arena_test_needs_jax.py").write_text(ENVIRONMENT)
    path = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    for frameworks, status in (("", "crashed"), (', frameworks = ["jax"]', "finished")):
        (tmp_path / "test.toml").write_text(FILE.format(frameworks=frameworks))
        command = [
            sys.executable,
            "-m",
            "arena",
            "run",
            str(tmp_path / "test.toml"),
            "--output",
            str(tmp_path),
            "--quiet",
            "--retry-failed",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path}, timeout=120)
        [file] = tmp_path.rglob("result.json")
        result = RunRecord(RunDir(file.parent).path).result
        assert result is not None
        assert result.status == status, done.stderr
        if status == "crashed":
            assert "No module named 'jax' in this worker" in result.reason
            assert 'frameworks = ["jax"]' in result.reason
