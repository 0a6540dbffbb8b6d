import sys
from pathlib import Path

import pytest

from arena.agent.registry import agent_spec
from arena.environments.config import EnvConfig, WrapperConfig
from arena.environments.make import make_env
from arena.environments.user_modules import import_modules
from arena.errors import ArenaError, did_you_mean, how_to_find
from arena.tournament.entry.program import find_program


def test_only_a_similar_word_is_suggested():
    assert did_you_mean("keras-dqm", ["rllib-dqn", "keras-dqn"]) == "; did you mean 'keras-dqn'?"
    assert did_you_mean("keras-dqm", ["random"]) == ""
    assert did_you_mean("x", []) == ""


def test_only_a_module_that_python_does_not_find_needs_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "arena_test_mine.py").write_text("")
    (tmp_path / "arena_test_package").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    for name in ("arena_test_mine", "arena_test_package.inner"):
        assert "is in this folder, which Python does not search: run PYTHONPATH=. arena ..." in how_to_find(name)
    assert how_to_find("arena_test_absent.inner") == " (install arena_test_absent, or add its folder to PYTHONPATH)"
    for name in ("gymnasium", "arena.no_such", "", ".relative", "not a name"):
        assert how_to_find(name) == ""


@pytest.mark.parametrize(
    "import_by_name",
    [
        lambda module: agent_spec(f"{module}:SPEC"),
        lambda module: make_env(EnvConfig(f"{module}:Walk-v0")),
        lambda module: make_env(EnvConfig("CartPole-v1", wrappers=(WrapperConfig(f"{module}:Wrapper"),))),
        lambda module: make_env(EnvConfig("arena/Instruction-v0", text_encoder=f"{module}:encode")),
        lambda module: import_modules((module,)),
        lambda module: find_program(f"{module}:play"),
    ],
    ids=["agent", "environment", "wrapper", "text encoder", "modules", "program"],
)
def test_whatever_a_user_names_by_its_module_is_refused_with_how_to_find_it(
    import_by_name, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "arena_test_mine.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    with pytest.raises(ArenaError, match=r"\(arena_test_mine is in this folder, which Python does not search: run PYTHONPATH=\. arena"):
        import_by_name("arena_test_mine")
    with pytest.raises(ArenaError, match=r"\(install arena_test_absent, or add its folder to PYTHONPATH\)"):
        import_by_name("arena_test_absent")
