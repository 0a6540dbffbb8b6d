"""The Python files of the repository, each read and parsed once for all rules that look at them."""

import ast
import functools
import gc
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CODE = ("arena", "agents", "envs", "scripts", "docs/examples")

shares_sources = pytest.mark.xdist_group("sources")
"""Mark of the tests that look at all files: they run in one process, which parses each file once."""


@functools.cache
def modules() -> dict[str, tuple[str, ast.Module]]:
    """Returns the text and the syntax tree of every Python file by its path in the repository."""
    paths = [path for root in (*CODE, "tests") for path in sorted((ROOT / root).rglob("*.py"))]
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    assert len(texts) > 200, "the rules must see the repository"
    gc.disable()  # it would look at all trees again and again, for twice the time that the parser takes
    try:
        return {name: (text, ast.parse(text)) for name, text in texts.items()}
    finally:
        gc.freeze()  # they live until the end
        gc.enable()


@functools.cache
def nodes(tree: ast.Module) -> tuple[ast.AST, ...]:
    """Returns all nodes of a syntax tree but the contexts of names, each before those below it; faster than `ast.walk`."""
    found: list[ast.AST] = [tree]
    for node in found:  # grows while it is walked through
        for value in vars(node).values():
            if isinstance(value, list):
                found += [each for each in value if isinstance(each, ast.AST)]
            elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
                found.append(value)
    return tuple(found)
