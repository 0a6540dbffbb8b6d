"""The names that `arena` and `arena.loggers` promise."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import arena
import arena.loggers


@pytest.mark.parametrize("name", arena.__all__)
def test_every_public_name_can_be_imported(name: str):
    assert getattr(arena, name) is not None
    assert name in dir(arena)


def test_type_checkers_see_the_same_names():
    tree = ast.parse(Path(arena.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    imported = [(node.module, alias.name, alias.asname) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(name for _, name, _ in imported) == arena.__all__
    for module, name, as_name in imported:
        assert name == as_name, "a re-export needs `X as X`"
        public = getattr(arena, name)
        assert getattr(public, "__module__", module) == module or not hasattr(public, "__module__")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'arena' has no attribute 'Agnet'"):
        _ = arena.Agnet
    with pytest.raises(AttributeError, match="has no attribute 'Logger'"):
        _ = arena.loggers.Logger


def test_the_loggers_are_public():
    assert set(dir(arena.loggers)) == {"TAGS", "TensorBoardLogger", "tags"}
    assert arena.loggers.TensorBoardLogger.__module__ == "arena.loggers.tensorboard"
    assert arena.loggers.tags.EPISODE_RETURN in arena.loggers.TAGS


@pytest.mark.worker
def test_nothing_heavy_is_imported_before_it_is_used():
    code = "import sys, arena, arena.loggers; print(*sorted({'numpy', 'gymnasium', 'tensorboard', 'rich', 'onnx'} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600)
    assert process.stdout.strip() == ""
