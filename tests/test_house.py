"""Rules of style that a program can check, over the whole repository.

Each rule has a set of exceptions that only shrinks: what broke the rule when the test was written.
"""

import ast
import collections
import contextlib
import itertools
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from sources import ROOT, modules, nodes, shares_sources

pytestmark = shares_sources
MAX_LINES = 400
"""Largest number of lines in a module."""
BEGINNINGS = frozenset({"as", "by", "in", "of", "that", "where", "which", "why", "within"})
"""First words of docstrings that need another line to be understood."""
PUBLIC_UNDERSCORES = frozenset({"_asdict", "_exit", "_fields", "_make", "_replace"})
"""Public names of Python that begin with an underscore: those of named tuples, and `os._exit`."""

PRIVATE_IN_TESTS: frozenset[tuple[str, str]] = frozenset(
    {
        ("tests/agents/test_rllib_equality.py", "_learner_connector"),
    }
)
"""Files and attributes of frameworks that have no public name for what a test asks: RLlib's connector."""


def beginning(text: str) -> str:
    match = re.match(r"\W*([A-Za-z']+)", text)
    return match[1].lower() if match else ""


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yields line and text of every docstring: of modules, classes, functions, and of the assignments above them."""
    for node in nodes(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and (text := ast.get_docstring(node)):
            yield body[0].lineno, text
        for above, below in itertools.pairwise(body):
            match above, below:
                case ast.Assign() | ast.AnnAssign(), ast.Expr(value=ast.Constant(value=str(text))):
                    yield below.lineno, text


def incomplete_docstrings(tree: ast.Module) -> Iterator[str]:
    for line, text in docstrings(tree):
        if beginning(text) in BEGINNINGS:
            yield f"{line}: {text.splitlines()[0]}"
        for section in re.findall(r"^\s*(?:Args|Attributes|Raises|Returns|Yields):\n((?:[ ]+.*\n?|\n)*)", text, re.MULTILINE):
            for name, description in re.findall(r"^\s+(\w+): (.*)$", section, re.MULTILINE):
                if beginning(description) in BEGINNINGS:
                    yield f"{line}: {name}: {description}"


def nested_conditionals(tree: ast.Module) -> Iterator[int]:
    for node in nodes(tree):
        if isinstance(node, ast.IfExp) and any(isinstance(below, ast.IfExp) and below is not node for below in ast.walk(node)):
            yield node.lineno


def foreign_private_reads(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yields line and name of every private attribute that a module takes from another object.

    What a class of the module defines or sets is its own, and `super()._method` what a base class lets it extend.
    """
    own = {node.name for node in nodes(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    own |= {node.target.id for node in nodes(tree) if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}
    attributes = [node for node in nodes(tree) if isinstance(node, ast.Attribute)]
    own |= {node.attr for node in attributes if isinstance(node.ctx, ast.Store) and is_self(node.value)}
    for node in attributes:
        private = node.attr.startswith("_") and not node.attr.startswith("__") and node.attr not in PUBLIC_UNDERSCORES
        if private and node.attr not in own and ast.unparse(node.value) != "super()":
            yield node.lineno, node.attr


def programs(tree: ast.Module) -> Iterator[ast.Module]:
    """Yields the programs in the strings of a module, which tests run in other processes."""
    for node in nodes(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" in node.value:
            with contextlib.suppress(SyntaxError):
                yield ast.parse(textwrap.dedent(node.value))


def is_self(node: ast.AST) -> bool:
    """Returns whether an expression is the name `self` or `cls`."""
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def test_every_docstring_stands_alone():
    found = [
        f"{name}:{problem}"
        for name, (_, tree) in modules().items()
        if not name.startswith("tests/")
        for problem in incomplete_docstrings(tree)
    ]
    assert not found, "begin with a noun phrase, or a sentence with its subject:\n" + "\n".join(found)


def test_no_conditional_expression_stands_in_another():
    found = [f"{name}:{line}" for name, (_, tree) in modules().items() for line in nested_conditionals(tree)]
    assert not found, f"write a statement: {', '.join(found)}"


def test_modules_are_short():
    found = [name for name, (text, _) in modules().items() if text.count("\n") > MAX_LINES]
    assert not found, f"more than {MAX_LINES} lines: {', '.join(found)}"


def test_no_two_public_classes_have_one_name():
    """Agent packages may repeat a name: each frames the same algorithms in its framework."""
    places = collections.defaultdict(list)
    for name, (_, tree) in modules().items():
        if name.startswith(("arena/", "scripts/")):
            for node in tree.body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places[node.name].append(f"{name}:{node.lineno}")
    found = {name: where for name, where in places.items() if len(where) > 1}
    assert not found, f"one name, several classes: {found}"


def test_tests_keep_to_public_names():
    found = [
        f"{name}:{line}: {attribute}"
        for name, (_, tree) in modules().items()
        if name.startswith("tests/") and name != "tests/test_house.py"  # whose strings break rules on purpose
        for part in (tree, *programs(tree))
        for line, attribute in foreign_private_reads(part)
        if (name, attribute) not in PRIVATE_IN_TESTS
    ]
    assert not found, "ask the class for a public way:\n" + "\n".join(found)


def test_folders_of_others_are_searched_by_files_below():
    """`Path.rglob` raises where a folder vanishes, as those of an arena at work do."""
    found = [
        f"{name}:{node.lineno}"
        for name, (_, tree) in modules().items()
        if name.startswith(("arena/", "agents/", "envs/"))
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "rglob"
    ]
    assert not found, "use arena.formats.trees.files_below:\n" + "\n".join(found)


def test_private_names_of_frameworks_stand_in_one_module_of_each_package():
    found = [
        f"{name}:{line}: {attribute}"
        for name, (_, tree) in modules().items()
        if name.startswith(("agents/", "envs/")) and not name.endswith("/private_api.py")
        for line, attribute in foreign_private_reads(tree)
    ]
    assert not found, "move to private_api.py, with the reason and the version:\n" + "\n".join(found)


def test_the_core_lock_has_the_versions_of_the_full_one():
    def versions(name: str) -> set[str]:
        return set(re.findall(r"^[\w.-]+==[^\\]*", (ROOT / "requirements" / name).read_text(encoding="utf-8"), re.MULTILINE))

    assert len(versions("core.txt")) > 40
    assert versions("core.txt") <= versions("all.txt"), "run python3 scripts/lock.py"


def test_every_locked_package_has_its_licence_on_the_page():
    packages = re.findall(r"^([\w.-]+)==([^\s;\\]+)", (ROOT / "requirements/all.txt").read_text(encoding="utf-8"), re.MULTILINE)
    rows = re.findall(r"^\| ([\w.-]+) \| (\S+) \|", (ROOT / "docs/licences.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(packages) > 100
    assert [row for row in rows if row[0] != "package"] == packages, "run python3 scripts/licences.py"


@pytest.mark.parametrize("path", [*(ROOT / ".github/workflows").glob("*.yml"), ROOT / "docs/ci.md"], ids=lambda path: path.name)
def test_workflows_may_read_alone_and_name_actions_by_commit(path: Path):
    text = path.read_text(encoding="utf-8")
    assert re.search(r"^permissions:\n  contents: read$", text, re.MULTILINE)
    assert text.count("permissions:") == 1
    actions = re.findall(r"uses: (.*)", text)
    assert actions
    assert [action for action in actions if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)] == []


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_no_lock_names_a_download_host(path: Path):
    text = path.read_text(encoding="utf-8")
    assert text.strip()
    assert "://" not in text
    assert "--index-url" not in text


EXAMPLES = [
    (incomplete_docstrings, 'LIMIT = 3\n"""Of a count."""', True),
    (incomplete_docstrings, 'LIMIT = 3\n"""Largest count."""', False),
    (incomplete_docstrings, 'class A:\n    size: int\n    """Within which it fits."""', True),
    (incomplete_docstrings, 'def f(a):\n    """Returns a.\n\n    Args:\n        a: where it is.\n    """', True),
    (incomplete_docstrings, 'def f(a):\n    """Returns a.\n\n    Args:\n        a: Place in the row.\n    """', False),
    (nested_conditionals, "x = 1 if a else 2 if b else 3", True),
    (nested_conditionals, "x = [1 if a else 2, 1 if b else 2]", False),
    (foreign_private_reads, "agent._update(3)", True),
    (foreign_private_reads, "rate = agent._optimizer.rate", True),
    (foreign_private_reads, "agent._optimizer = 3", True),
    (foreign_private_reads, "class A(B):\n    def f(self):\n        return self._of_a_base_class", True),
    (foreign_private_reads, "class A(B):\n    def _f(self):\n        self._x = super()._f()\n        return self._f, other._x", False),
    (foreign_private_reads, "agent.update(3)\npair._replace(a=1)\nagent.__enter__()", False),
]
"""Rules, code, and whether the code breaks the rule."""


@pytest.mark.parametrize(("rule", "code", "breaks"), EXAMPLES)
def test_each_rule_can_tell(rule, code: str, breaks: bool):
    assert bool(list(rule(ast.parse(code)))) == breaks


def test_a_program_in_a_string_is_found():
    (program,) = programs(ast.parse('run("""\n    agent._update()\n""")\n"""A text.\n\nOf two lines."""'))
    assert [name for _, name in foreign_private_reads(program)] == ["_update"]
