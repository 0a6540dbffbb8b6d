from collections.abc import Iterator

import pytest

from arena.agent.isolation import allow_all_frameworks, is_hidden
from arena.doctor.import_process import error_line, import_all, last_line


@pytest.fixture(autouse=True)
def _no_module_stays_hidden() -> Iterator[None]:
    yield
    allow_all_frameworks()


def test_a_class_that_is_there_is_imported_without_an_error_while_other_frameworks_are_hidden():
    found = import_all(["arena.testing.fakes:FakeAgent"], ["keras"])
    assert found["error"] is None
    assert found["import_seconds"] >= 0.0
    assert (is_hidden("ray"), is_hidden("keras")) == (True, False)


def test_each_error_is_told_once_in_one_line():
    found = import_all(["no_such_module:A", "no_such_module:B", "arena.testing.fakes:Absent"], [])
    missing = "ModuleNotFoundError: No module named 'no_such_module'"
    assert found["error"] == f"{missing}; AttributeError: module 'arena.testing.fakes' has no attribute 'Absent'"


@pytest.mark.parametrize(("text", "line"), [("a\n  b  \n\n", "b"), ("a", "a"), ("", "no message"), (" \n", "no message")])
def test_the_last_line_that_is_not_blank_is_told(text: str, line: str):
    assert last_line(text) == line
    assert error_line(OSError(text)) == f"OSError: {line}"
