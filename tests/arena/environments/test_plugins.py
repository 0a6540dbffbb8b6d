import functools
import importlib.metadata
import subprocess
import sys
import types

import pytest

from arena.environments import plugins
from arena.environments.plugins import EnvPlugin, own_plugin, prepare, registered_ids, registered_spec


@pytest.fixture
def installed(monkeypatch):
    """Returns a function that puts plug-ins in place of the installed ones."""

    def install(*functions):
        entry_points = [types.SimpleNamespace(load=lambda function=function: function, value=function.__name__) for function in functions]
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: entry_points if group == "gymnasium.envs" else [])

    # A cache of its own: emptying the shared one would have the installed plug-ins called again, and some register twice with a warning.
    monkeypatch.setattr(plugins, "plugins", functools.cache(plugins.plugins.__wrapped__))
    return install


def test_environments_of_installed_packages_are_known() -> None:
    assert {"arena/Identity-v0", "CartPole-v1"} <= set(registered_ids())
    assert registered_ids() == sorted(registered_ids())


@pytest.mark.worker
def test_an_import_of_the_core_calls_no_plugin() -> None:
    program = "import sys, arena.environments.factory; print('arena_envs' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"


def test_plugins_are_called_once(installed) -> None:
    calls = []
    installed(lambda: calls.append(1))
    registered_ids()
    assert registered_spec("CartPole-v1") is not None
    assert registered_spec("CartPoll-v1") is None
    assert calls == [1]


def test_what_is_no_plugin_is_left_out(installed) -> None:
    offered = EnvPlugin()
    installed(lambda: None, lambda: offered, lambda: 3)
    assert plugins.plugins() == (offered,)


def test_a_plugin_that_fails_is_named_and_the_others_stay(installed) -> None:
    def broken():
        raise RuntimeError("no licence")

    offered = EnvPlugin()
    installed(broken, lambda: offered)
    with pytest.warns(UserWarning, match="environments of 'broken' are missing: RuntimeError"):
        assert plugins.plugins() == (offered,)


def test_modules_are_imported_before_the_environments_that_want_them(installed, monkeypatch) -> None:
    imported = []
    monkeypatch.setattr(plugins.importlib, "import_module", imported.append)
    installed(lambda: EnvPlugin(imported_first={"gymnasium.envs.phys2d.": "first"}))
    prepare("CartPole-v1")
    prepare("no such environment")
    assert imported == []
    prepare("phys2d/CartPole-v1")
    assert imported == ["first"]


def test_the_arenas_own_plugin_is_found_without_anybody_elses() -> None:
    plugin = own_plugin()
    assert plugin is not None
    assert plugin.vectorize is not None
    assert set(plugin.games) == {"connect_four_v3", "tictactoe_v3"}
