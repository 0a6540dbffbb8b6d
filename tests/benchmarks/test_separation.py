"""Nothing that is installed imports the benchmarks, and nothing of them is installed."""

import ast
import tomllib

import pytest

from benchmarks.processes import ROOT

PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def imported(source: str) -> set[str]:
    """Returns the top-level packages that a module imports anywhere."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).partition(".")[0])
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_an_installed_package_imports_no_benchmark(package: str):
    modules = sorted((ROOT / package).rglob("*.py"))
    assert modules
    assert not [path for path in modules if imported(path.read_text()) & {"benchmarks", "matplotlib"}]


def test_the_wheel_has_nothing_of_scripts():
    assert not [package for package in PACKAGES if package.startswith("scripts")]


def test_an_import_is_found():
    assert imported("def f():\n    from benchmarks.cases import X") == {"benchmarks"}
    assert imported("import benchmarks.verdicts as v") == {"benchmarks"}
    assert imported("from . import benchmarks") == set()
