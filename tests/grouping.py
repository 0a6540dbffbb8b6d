"""Sends the tests of one `xdist_group` to one process of the tests.

pytest-xdist 3.8 does this by adding the group's name to a test's id, which pytest 9.2 ignores without a word
(github.com/pytest-dev/pytest-xdist/issues/1386, open in November 2026). Here the processes write the groups to a file, and the
scheduler reads it.
"""

import collections
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadGroupScheduling

LONG = ("slow", "framework", "worker", "extra")
"""Markers of tests that take long, one for each tier; a unit test has none of them."""
FILE = pytest.StashKey[Path]()
"""File of the groups, `{id of a test: name of its group}`, in the process that schedules."""


class FileGroupScheduling(LoadGroupScheduling):
    """Takes the groups from a file instead of from the ids of the tests."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        self._groups: dict[str, str] | None = None

    def _split_scope(self, nodeid: str) -> str:
        if self._groups is None:  # by now every process has collected its tests
            file = self.config.stash[FILE]
            self._groups = json.loads(file.read_text()) if file.exists() else {}  # there is none where no test has a group
        return self._groups.get(nodeid, nodeid)


def pytest_configure(config: pytest.Config) -> None:
    """Makes a folder for the file where there is something to schedule."""
    if not hasattr(config, "workerinput"):
        folder = Path(tempfile.mkdtemp(prefix="test-groups-"))
        config.stash[FILE] = folder / "groups.json"
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells a process of the tests where to write."""
    node.workerinput["groups_file"] = str(node.config.stash[FILE])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileGroupScheduling | None:
    """Replaces xdist's scheduler of groups."""
    return FileGroupScheduling(config, log) if config.getoption("dist") == "loadgroup" else None


def group_of(item: pytest.Item) -> str | None:
    """Returns the name of the group that a test is marked with."""
    mark = item.get_closest_marker("xdist_group")
    return mark.args[0] if mark else None


def tier_of(item: pytest.Item) -> str:
    """Returns the marker of a test's tier, which is empty for a unit test."""
    return next((marker for marker in LONG if item.get_closest_marker(marker)), "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts long tests first, those of their tiers by turns, and the tests of one group one after the other.

    No process of the tests is then left with a long test at the end, while the others have nothing to do; tests that compute run beside
    those that wait; and a process that a group's tests share answers them all before it gives way to the next.
    """
    tiers = [tier_of(item) for item in items]
    sizes = collections.Counter(tiers)
    before: collections.Counter[str] = collections.Counter()
    first: dict[str, tuple[bool, float]] = {}
    places = {}
    for item, tier in zip(items, tiers, strict=True):
        group, place = group_of(item), (tier == "", before[tier] / sizes[tier])
        before[tier] += 1
        places[item] = place if group is None else first.setdefault(group, place)
    items.sort(key=places.__getitem__)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Writes the groups of the tests that are left."""
    if hasattr(session.config, "workerinput"):
        file = Path(session.config.workerinput["groups_file"])
        own = file.with_suffix(f".{os.getpid()}")
        own.write_text(json.dumps({item.nodeid: group for item in session.items if (group := group_of(item)) is not None}))
        own.replace(file)  # each process writes the same
