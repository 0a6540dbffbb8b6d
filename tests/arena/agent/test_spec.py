"""Agent specs: what they say, and one framework to a process."""

import dataclasses
import importlib
import sys

import pytest

from arena.agent.isolation import refuse_other_frameworks
from arena.errors import ArenaError
from arena.testing.fakes import FAKE_AGENT


def test_a_framework_that_the_spec_does_not_name_is_refused_with_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "arena_undeclared.py").write_text("import torch\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    refuse_other_frameworks(frozenset())
    with pytest.raises(ArenaError, match=r"^agent 'fake' imports 'torch', which its worker hides; name it in the spec's modules$"):
        dataclasses.replace(FAKE_AGENT, entry_point="arena_undeclared:Agent").load()


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
    with pytest.raises(ArenaError, match="imports 'arena_slow', which its worker hides"):
        dataclasses.replace(optional, entry_point="arena_in_need:Agent").load()
    assert importlib.import_module("arena_slow").value == 1, "an environment may import it afterwards"


def test_a_framework_that_is_refused_stays_so_after_a_load(monkeypatch):
    refuse_other_frameworks(frozenset())
    dataclasses.replace(FAKE_AGENT, unneeded=frozenset({"jax"})).load()
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("jax")
