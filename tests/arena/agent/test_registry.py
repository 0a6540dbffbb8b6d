import importlib.metadata
import sys
import types
from pathlib import Path

import pytest

from arena.agent import registry
from arena.agent.registry import agent_ids, agent_spec
from arena.errors import ArenaError
from arena.testing import FAKE_AGENT


@pytest.fixture
def plug_in(monkeypatch):
    """Installs entry points that point into a module made up here."""

    def install(**entry_points: str) -> types.ModuleType:
        module = types.ModuleType("arena_test_plug_in")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        made = {name: importlib.metadata.EntryPoint(name, value, registry.ENTRY_POINT_GROUP) for name, value in entry_points.items()}
        monkeypatch.setattr(registry, "_entry_points", lambda: made)
        return module

    return install


def test_installed_agents_are_listed_sorted() -> None:
    assert agent_ids() == sorted(agent_ids())
    assert "random" in agent_ids()


def test_every_installed_agent_has_its_id() -> None:
    for name in agent_ids():
        assert agent_spec(name).id == name


def test_an_unknown_agent_is_refused_with_the_near_one() -> None:
    with pytest.raises(ArenaError, match=r"^no agent 'keras-dqm'; did you mean 'keras-dqn'\? \(arena list agents\)$"):
        agent_spec("keras-dqm")


def test_a_path_needs_no_installation() -> None:
    assert agent_spec("arena.testing:FAKE_AGENT") is FAKE_AGENT


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no_such_package:SPEC", "no agent spec at 'no_such_package:SPEC': No module named 'no_such_package'"),
        ("arena.testing:NO_SUCH", "no agent spec at 'arena.testing:NO_SUCH'"),
        (":SPEC", "no agent spec at ':SPEC'"),
        ("arena.testing:", "no agent spec at 'arena.testing:'"),
        ("arena.testing:FakeAgent", "'arena.testing:FakeAgent' is a ABCMeta, expected an arena.agent.spec.AgentSpec"),
    ],
)
def test_a_wrong_path_is_refused(path, message) -> None:
    with pytest.raises(ArenaError) as caught:
        agent_spec(path)
    assert str(caught.value).startswith(message)


def test_a_plug_in_that_breaks_the_rules_is_refused(plug_in) -> None:
    module = plug_in(fake="arena_test_plug_in:SPEC", renamed="arena_test_plug_in:SPEC", gone="arena_test_plug_in:GONE", lost="no_such:SPEC")
    module.SPEC = FAKE_AGENT
    assert agent_spec("fake") is FAKE_AGENT
    with pytest.raises(ArenaError, match="must be an AgentSpec with id 'renamed'"):
        agent_spec("renamed")
    for name in ("gone", "lost"):
        with pytest.raises(ArenaError, match=f"agent '{name}' cannot be loaded"):
            agent_spec(name)


def test_a_module_in_this_folder_is_named_with_what_lets_python_find_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "arena_test_mine.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    with pytest.raises(ArenaError, match=r"arena_test_mine is in this folder, which Python does not search: run PYTHONPATH=\. arena"):
        agent_spec("arena_test_mine:SPEC")
    with pytest.raises(
        ArenaError, match=r"\(expected package\.module:SPEC\) \(install arena_test_absent, or add its folder to PYTHONPATH\)$"
    ):
        agent_spec("arena_test_absent:SPEC")
