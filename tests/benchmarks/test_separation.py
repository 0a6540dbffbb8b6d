"""Nothing that is installed imports the benchmarks, nothing of them is installed, and the core names none of our agents."""

import ast
import tomllib

import pytest
from sources import modules, nodes, shares_sources

from arena.agent.registry import agent_ids
from benchmarks.processes import ROOT

pytestmark = shares_sources
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def imported(tree: ast.Module) -> set[str]:
    """Returns the top-level packages that a module imports anywhere."""
    found: set[str] = set()
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).partition(".")[0])
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_an_installed_package_imports_no_benchmark(package: str):
    trees = {name: tree for name, (_, tree) in modules().items() if name.startswith(f"{package}/")}
    assert trees
    assert not [name for name, tree in trees.items() if "benchmarks" in imported(tree)]
    assert {name for name, tree in trees.items() if "matplotlib" in imported(tree)} <= {"arena/report/figures.py"}, "an extra of reports"


def strings(tree: ast.Module) -> set[str]:
    """Returns the string literals of a module, without docstrings."""
    prose = {id(node.value) for node in nodes(tree) if isinstance(node, ast.Expr)}
    return {node.value for node in nodes(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose}


def test_the_core_names_no_agent_of_ours():
    """`random` is also the name of the uniformly random player, and `constant` an ordinary word."""
    ids = set(agent_ids()) - {"random", "constant"}
    assert len(ids) >= 8
    trees = {name: tree for name, (_, tree) in modules().items() if name.startswith("arena/")}
    assert len(trees) > 100
    named = {name: found for name, tree in trees.items() if (found := strings(tree) & ids)}
    assert not named


def test_a_string_is_found():
    assert strings(ast.parse('"""keras-dqn"""\nX = 1\n"""keras-dqn"""\ny = f(z="rllib-dqn")')) == {"rllib-dqn"}


def test_the_wheel_has_nothing_of_scripts():
    assert not [package for package in PACKAGES if package.startswith("scripts")]


def test_an_import_is_found():
    assert imported(ast.parse("def f():\n    from benchmarks.cases import X")) == {"benchmarks"}
    assert imported(ast.parse("import benchmarks.verdicts as v")) == {"benchmarks"}
    assert imported(ast.parse("from . import benchmarks")) == set()
