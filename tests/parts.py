"""Parts of the tests for processes of pytest side by side (`scripts/side_by_side.py`): each collects and runs the files of its own part.

pytest-xdist has every process collect every test, and sends each result from one process to another: a third of the CPU time of tests that
take milliseconds. Long tests need it, for it gives them to the process that is free; parts are decided before anything runs.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

GROUP = re.compile(r"xdist_group\(\"([^\"]+)\"\)|(shares_sources)\b")
"""Name of the first group of tests that a file says to share something; its files are in one part."""


def weight(text: str) -> int:
    """Returns about how long the tests of a file take to collect and run, in a unit of its own, from its text."""
    return 1_500 + len(text)


def split(files: Iterable[Path], count: int) -> list[list[Path]]:
    """Returns the files in parts of about the same weight: the heaviest first, each to the part that is the lightest so far.

    The same files give the same parts, in whatever order they come. Files whose tests share a group are in one part.
    """
    units: dict[str, list[Path]] = defaultdict(list)
    weights: dict[str, int] = defaultdict(int)
    for file in sorted(set(files)):
        text = file.read_text(encoding="utf-8")
        group = GROUP.search(text)
        unit = f"group {group[1] or group[2]}" if group else str(file)
        units[unit].append(file)
        weights[unit] += weight(text)
    parts: list[list[Path]] = [[] for _ in range(count)]
    loads = [0] * count
    for unit in sorted(units, key=lambda name: (-weights[name], name)):
        lightest = loads.index(min(loads))
        parts[lightest] += units[unit]
        loads[lightest] += weights[unit]
    return parts


def files_of(arguments: Sequence[str], patterns: Sequence[str], folder: Path) -> list[Path]:
    """Returns the test files that pytest's arguments name: files, folders, and tests in files.

    Args:
        arguments: Files and folders, relative to `folder`; a file may be followed by the names of tests (`::`).
        patterns: Patterns of the names of test files, such as `test_*.py`.
        folder: Folder in which pytest was called.
    """
    found: set[Path] = set()
    for argument in arguments:
        path = (folder / argument.partition("::")[0]).absolute()
        found |= {path} if path.is_file() else {each for pattern in patterns for each in path.rglob(pattern)}
    return sorted(found)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options that `scripts/side_by_side.py` gives to each process."""
    parser.addoption("--part", metavar="K/N", help="run the K-th of N parts of the test files alone")
    parser.addoption("--part-stops", metavar="FILE", type=Path, help="file by which a part that stops at a failure (-x) stops the others")


def pytest_configure(config: pytest.Config) -> None:
    """Leaves out the other parts where one is asked for."""
    if config.getoption("part"):
        number, count = map(int, config.getoption("part").split("/"))
        config.pluginmanager.register(OwnPart(config, number, count))


class OwnPart:
    """Lets pytest see the files of one part, and stop when another part has stopped.

    Args:
        config: Configuration whose arguments name the files that are split.
        number: Number of the part, counted from one.
        count: Number of parts.
    """

    def __init__(self, config: pytest.Config, number: int, count: int) -> None:
        files = files_of(config.args, config.getini("python_files"), config.invocation_params.dir)
        parts = split(files, count)
        self._others = frozenset(path for part in (*parts[: number - 1], *parts[number:]) for path in part)
        self._stop: Path | None = config.getoption("part_stops")

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Leaves the files of other parts unread."""
        return True if collection_path in self._others else None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leaves out the tests of files that were named one by one, which pytest reads in any case."""
        items[:] = [item for item in items if item.path not in self._others]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> object:
        """Ends after the test that runs when another part has stopped."""
        result = yield
        if self._stop and not item.session.shouldfail and self._stop.exists():
            item.session.shouldfail = "stopping, as another part did"
        return result

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Tells the other parts that this one stopped at a failure."""
        if self._stop and session.shouldfail:
            self._stop.touch()
