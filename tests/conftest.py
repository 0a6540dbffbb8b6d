import functools
import gc
import itertools
import os
import re
import signal
import sys
import types
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest
import typer

from arena.agent import isolation

pytest_plugins = ("grouping", "parts")

BEYOND_UNIT = ("slow", "framework", "worker", "extra")
"""Markers of the tests that are not in the unit tier."""
MAY_START_PYTHON = BEYOND_UNIT
"""Markers of the tests that may start a Python process; each costs a fifth of a second or more."""
_MARK = rf"pytest\.mark\.({'|'.join(BEYOND_UNIT)})"
_MARKED_FILE = re.compile(rf"^pytestmark = {_MARK}$", re.MULTILINE)
_MARK_SOMEWHERE = re.compile(rf"\b{_MARK}\b")

hypothesis.settings.register_profile("arena", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("arena")  # no property test fails because the machine is busy

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's `&` makes its children ignore Ctrl-C, and so would everything that the tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    # `nohup` does the same for the signal by which a closing terminal ends a job.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

sys.modules["tensorboard.compat.notf"] = types.ModuleType("notf")
"""Tells TensorBoard's readers of event files to do without TensorFlow."""


_pythons_started: list[object] = []
"""Python processes that were started by the test that is running."""


def _note_a_python(event: str, arguments: tuple[object, ...]) -> None:
    if event == "subprocess.Popen" and "python" in os.path.basename(os.fsdecode(arguments[0] or "")):  # noqa: PTH119 - called often
        _pythons_started.append(arguments[1])


sys.addaudithook(_note_a_python)

_folder_numbers = itertools.count()


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new folder for a test, as pytest's own, which lists the folders of all tests before it to number each: 4% of the unit tier."""
    path = tmp_path_factory.getbasetemp() / re.sub(r"\W", "_", request.node.name)[:25] / str(next(_folder_numbers))
    path.mkdir(parents=True)
    return path


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--unit` and `--beyond-unit`, which `scripts/test.py` passes on."""
    parser.addoption("--unit", action="store_true", help="run the unit tier alone, which needs no package beyond requirements/core.txt")
    parser.addoption("--beyond-unit", action="store_true", help="run what the unit tier leaves, but for the slow tests")


def pytest_configure(config: pytest.Config) -> None:
    """Selects the unit tier where `--unit` asks for it, and all others but the slow one where `--beyond-unit` does."""
    if config.getoption("unit"):
        config.option.markexpr = " and ".join(f"not {marker}" for marker in BEYOND_UNIT)
    elif config.getoption("beyond_unit"):
        others = " or ".join(marker for marker in BEYOND_UNIT if marker != "slow")
        config.option.markexpr = f"not slow and ({others})"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves a file unread where all its tests have a marker that isn't asked for (its imports may be missing), or lack one that is."""
    if collection_path.suffix != ".py":
        return None
    text = collection_path.read_text()
    if config.getoption("beyond_unit") and not _MARK_SOMEWHERE.search(text):
        return True
    marked = _MARKED_FILE.search(text)
    return True if marked and f"not {marked[1]}" in config.option.markexpr else None


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, obj: object) -> list[pytest.Item] | None:
    """Makes no items of a test of another tier where `--unit` asks for one: they would only be left out again."""
    if not collector.config.getoption("unit") or not isinstance(obj, types.FunctionType | type):
        return None
    marks = {mark.name for mark in (*getattr(obj, "pytestmark", ()), *collector.iter_markers())}
    return None if marks.isdisjoint(BEYOND_UNIT) else []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuses a file that has its markers from elsewhere: `--beyond-unit` would not see them, and leave its tests out."""
    for path in {item.path for item in items if any(item.get_closest_marker(marker) for marker in BEYOND_UNIT)}:
        if not _MARK_SOMEWHERE.search(path.read_text()):
            raise pytest.UsageError(f"{path}: write the markers of its tests into the file itself, as pytest.mark.NAME")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collects the tests without garbage collection, which finds next to nothing among imported modules and takes a fifth of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Spares garbage collection the tests themselves, which live until the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _nothing_waits_for_the_disk() -> Iterator[None]:
    """Leaves out the wait for the disk: no test survives a power cut, and a thousand files wait for ten seconds and more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", os.fstat)  # which refuses a file that is closed, too
        yield


@pytest.fixture(autouse=True, scope="session")
def _the_command_line_is_built_once() -> Iterator[None]:
    """Keeps the commands that Typer makes of an app: a process of a user makes them once, the tests would a thousand times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", functools.cache(typer.main.get_command))
        yield


_FRAMEWORKS_BEFORE = pytest.StashKey[set[str]]()
"""Frameworks that were imported before a test."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Notes what there is before a test, for `pytest_runtest_teardown`; a fixture for each would take a second of the unit tier."""
    _pythons_started.clear()
    item.stash[_FRAMEWORKS_BEFORE] = isolation.FRAMEWORK_MODULES & sys.modules.keys()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Holds each test to its tier and to its process.

    What starts a Python process belongs to the tier `worker`, which keeps the unit tier fast. A framework that a test imports here would
    make later tests of what a worker imports fail, and so would its refusal of frameworks, which ends with it.
    """
    try:
        yield
    finally:
        isolation.allow_all_frameworks()
    marked = any(item.get_closest_marker(name) for name in MAY_START_PYTHON)
    assert marked or not _pythons_started, f"mark the test `worker`: it starts {_pythons_started[0]}"
    allowed = {name for mark in item.iter_markers("imports") for name in mark.args}
    imported = (isolation.FRAMEWORK_MODULES & sys.modules.keys()) - item.stash[_FRAMEWORKS_BEFORE] - allowed
    assert not imported, f"import {', '.join(sorted(imported))} in a process of its own"
