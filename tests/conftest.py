import re
import signal
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from arena.agent import isolation

pytest_plugins = ("grouping",)

BEYOND_UNIT = ("slow", "framework", "worker", "extra")
"""Markers of the tests that are not in the unit tier."""
_MARKED_FILE = re.compile(rf"^pytestmark = pytest\.mark\.({'|'.join(BEYOND_UNIT)})$", re.MULTILINE)

hypothesis.settings.register_profile("arena", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("arena")  # no property test fails because the machine is busy

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's `&` makes its children ignore Ctrl-C, and so would everything that the tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)

sys.modules["tensorboard.compat.notf"] = types.ModuleType("notf")
"""Tells TensorBoard's readers of event files to do without TensorFlow."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--unit`, which `scripts/test.py` passes on."""
    parser.addoption("--unit", action="store_true", help="run the unit tier alone, which needs no package beyond requirements/core.txt")


def pytest_configure(config: pytest.Config) -> None:
    """Selects the unit tier where `--unit` asks for it."""
    if config.getoption("unit"):
        config.option.markexpr = " and ".join(f"not {marker}" for marker in BEYOND_UNIT)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves a file out of the unit tier unread where it says that all its tests are beyond: its imports may not be installed."""
    if config.getoption("unit") and collection_path.suffix == ".py" and _MARKED_FILE.search(collection_path.read_text()):
        return True
    return None


@pytest.fixture(autouse=True)
def _frameworks_stay_importable() -> Iterator[None]:
    """Keeps one test's refusal of frameworks from reaching the next."""
    yield
    isolation.allow_all_frameworks()


@pytest.fixture(autouse=True)
def _no_framework_in_the_process_of_the_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    """Names the test that imports a framework here, where later tests of what a worker imports would fail for it."""
    before = isolation.FRAMEWORK_MODULES & sys.modules.keys()
    yield
    allowed = {name for mark in request.node.iter_markers("imports") for name in mark.args}
    imported = (isolation.FRAMEWORK_MODULES & sys.modules.keys()) - before - allowed
    assert not imported, f"import {', '.join(sorted(imported))} in a process of its own"
