"""One framework per process: every other one looks as if it were not installed."""

import importlib
import importlib.metadata
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from arena.agent.isolation import FRAMEWORK_MODULES, hidden, refuse_other_frameworks

SCRIPT = """
import importlib.metadata, importlib.util, sys
from importlib.util import find_spec
from arena.agent.isolation import refuse_other_frameworks
before = list(sys.meta_path)
refuse_other_frameworks(frozenset({"jax"}))
refuse_other_frameworks(frozenset({"jax"}))
assert sys.meta_path[1:] == before, "one finder in front, and the others as they were"
for name in ("torch", "tensorflow"):
    assert importlib.util.find_spec(name) is None
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        assert error.name == name
        assert str(error).startswith(f"No module named {name!r}")
    else:
        raise AssertionError(name)
    assert name not in sys.modules
for probe in (lambda: importlib.util.find_spec("torch.nn"), lambda: __import__("torch.nn")):
    try:
        probe()
    except ModuleNotFoundError as error:
        assert error.name == "torch"  # as Python does for a module in a package that is missing
    else:
        raise AssertionError("torch.nn")
assert importlib.util.find_spec("jax") is not None
assert importlib.util.find_spec("json").name == "json"
assert importlib.util.find_spec("no_such_module") is None
assert importlib.metadata.version("numpy")
from scipy import stats
assert abs(stats.t.ppf(0.975, 2) - 4.303) < 1e-3  # SciPy looks in sys.modules for arrays of torch
"""


@pytest.fixture
def frameworks(tmp_path: Path) -> dict[str, str]:
    """An environment for a process that has stand-ins for all frameworks, so that the test needs none of them."""
    for name in FRAMEWORK_MODULES:
        (tmp_path / f"{name}.py").write_text("value = 1\n")
    return {"PYTHONPATH": f"{tmp_path}:{':'.join(path for path in sys.path if path)}", "PATH": "/usr/bin:/bin"}


@pytest.mark.worker
def test_a_process_has_the_frameworks_that_are_allowed_and_no_other(frameworks: dict[str, str]):
    process = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=False, env=frameworks)
    assert process.returncode == 0, process.stderr


def test_an_import_may_fall_back_where_a_framework_is_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "arena_optional_import.py").write_text("try:\n    import torch\nexcept ImportError:\n    torch = None\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    refuse_other_frameworks(frozenset())
    assert importlib.import_module("arena_optional_import").torch is None


def test_modules_are_hidden_for_a_block_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "arena_hidden_for_a_block.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    name = "arena_hidden_for_a_block"
    with hidden(frozenset({name})):
        assert importlib.util.find_spec(name) is None
        with pytest.raises(ModuleNotFoundError, match=name):
            importlib.import_module(name)
    assert importlib.util.find_spec(name) is not None
    assert importlib.import_module(name).value == 1


def test_what_was_hidden_before_a_block_stays_hidden_after_it():
    refuse_other_frameworks(frozenset())
    with hidden(frozenset({"jax"})):
        pass
    assert importlib.util.find_spec("jax") is None
