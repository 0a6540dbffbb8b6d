"""Agent specs: what they say, and one framework to a process."""

import dataclasses
import importlib
import subprocess
import sys

import pytest

from arena.agent.isolation import refuse_other_frameworks
from arena.errors import ArenaError
from arena.testing.fakes import FAKE_AGENT

SCRIPT = """
import importlib.metadata, importlib.util, sys
from arena.agent.registry import agent_spec
from arena.agent.isolation import refuse_other_frameworks
refuse_other_frameworks(frozenset({"jax"}))
for name in ("torch", "tensorflow"):
    assert importlib.util.find_spec(name) is None
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        assert error.name == name
    else:
        raise AssertionError(name)
    assert name not in sys.modules
assert importlib.util.find_spec("jax") is not None
assert importlib.metadata.version("numpy")  # distributions are still found
from scipy import stats
assert abs(stats.t.ppf(0.975, 2) - 4.303) < 1e-3  # SciPy looks in sys.modules for arrays of torch
try:
    agent_spec("rllib-dqn").load()
except Exception as error:
    print(error)
"""


@pytest.mark.extra
def test_a_process_has_the_frameworks_that_are_allowed_and_no_other():
    process = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=600, check=False)
    assert process.returncode == 0, process.stderr
    assert process.stdout == "agent 'rllib-dqn' cannot be imported: No module named 'torch'; name 'torch' in its spec's modules\n"


def test_modules_that_an_agent_does_not_need_are_hidden_only_while_it_is_imported(tmp_path, monkeypatch):
    (tmp_path / "arena_slow.py").write_text("value = 1\n")
    (tmp_path / "arena_optional.py").write_text(
        "try:\n    import arena_slow\nexcept ImportError:\n    arena_slow = None\nclass Agent: pass\n"
    )
    (tmp_path / "arena_in_need.py").write_text("import arena_slow\nclass Agent: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    optional = dataclasses.replace(FAKE_AGENT, entry_point="arena_optional:Agent", unneeded=frozenset({"arena_slow"}))
    assert optional.load().__name__ == "Agent"
    assert sys.modules["arena_optional"].arena_slow is None
    with pytest.raises(ArenaError, match="No module named 'arena_slow'"):
        dataclasses.replace(optional, entry_point="arena_in_need:Agent").load()
    assert importlib.import_module("arena_slow").value == 1, "an environment may import it afterwards"


def test_a_framework_that_is_refused_stays_so_after_a_load(monkeypatch):
    refuse_other_frameworks(frozenset())
    dataclasses.replace(FAKE_AGENT, unneeded=frozenset({"jax"})).load()
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("jax")
