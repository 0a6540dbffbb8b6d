import sys
import types
from collections.abc import Iterator

import pytest

from arena.agent import isolation

sys.modules["tensorboard.compat.notf"] = types.ModuleType("notf")
"""Tells TensorBoard's readers of event files to do without TensorFlow."""


@pytest.fixture(autouse=True)
def _frameworks_stay_importable() -> Iterator[None]:
    """Keeps one test's refusal of frameworks from reaching the next."""
    yield
    isolation._refused.clear()


@pytest.fixture(autouse=True)
def _no_framework_in_the_process_of_the_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    """Names the test that imports a framework here, where later tests of what a worker imports would fail for it."""
    before = isolation.FRAMEWORK_MODULES & sys.modules.keys()
    yield
    allowed = {name for mark in request.node.iter_markers("imports") for name in mark.args}
    imported = (isolation.FRAMEWORK_MODULES & sys.modules.keys()) - before - allowed
    assert not imported, f"import {', '.join(sorted(imported))} in a process of its own"
