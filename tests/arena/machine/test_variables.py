"""The list of environment variables is what the code reads."""

import ast
from collections.abc import Iterator

from sources import modules, nodes, shares_sources

from arena.machine.variables import VARIABLES

pytestmark = shares_sources
LOOK_ANYTHING_UP = ("arena/cli/env.py", "arena/testing/checks.py")
"""Modules that look up names which others give them: those of the list itself, and those that an agent's spec sets."""
PACKAGES = ("arena/", "agents/", "envs/")


def constants(tree: ast.Module) -> dict[str, str]:
    """Returns the strings that a module gives a name of its own."""
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def keys(tree: ast.Module) -> Iterator[ast.expr]:
    """Yields what a module reads from `os.environ`."""
    for node in nodes(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and is_environ(node.value):
            yield node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            reads = node.func.attr in ("get", "pop") and is_environ(node.func.value)
            if reads or node.func.attr == "getenv":
                yield node.args[0]
        elif isinstance(node, ast.Compare) and any(is_environ(other) for other in node.comparators):
            yield node.left


def is_environ(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "environ"


def test_every_variable_that_is_read_is_listed():
    trees = {name: tree for name, (_, tree) in modules().items() if name.startswith(PACKAGES)}
    named = {name: value for tree in trees.values() for name, value in constants(tree).items()}
    read = set()
    for name, tree in trees.items():
        for key in keys(tree):
            if isinstance(key, ast.Constant):
                read.add(key.value)
            elif isinstance(key, ast.Name) and key.id in named:
                read.add(named[key.id])
            else:
                assert name in LOOK_ANYTHING_UP, f"{name}: a variable whose name this test cannot tell: {ast.unparse(key)}"
    assert read == {variable.name for variable in VARIABLES}
