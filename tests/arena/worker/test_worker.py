import os
from types import SimpleNamespace

import pytest

from arena.executors.process import IMPORTED_VARIABLE, STARTED_VARIABLE
from arena.worker import worker
from arena.worker.worker import StartClock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands at `now`."""
    state = SimpleNamespace(now=100.0)
    monkeypatch.setattr(worker, "time", SimpleNamespace(monotonic=lambda: state.now))
    return state


def test_the_start_counts_from_the_request_for_the_process(clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(STARTED_VARIABLE, "97.5")
    start = StartClock()
    start.lap("start")
    clock.now = 104.0
    start.lap("import_")
    assert (start.timings.start, start.timings.import_) == (2.5, 4.0)
    assert StartClock().timings.start == 0.0
    later = StartClock()
    later.lap("start")
    assert later.timings.start == 0.0, "a second clock counts from now: the request was for this process alone"


def test_the_start_counts_from_now_if_nobody_noted_the_request(clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(STARTED_VARIABLE, raising=False)
    start = StartClock()
    clock.now = 101.0
    start.lap("start")
    assert start.timings.start == 1.0


@pytest.mark.parametrize(
    ("imported", "start_seconds", "import_seconds"),
    [("90.0,95.0", 2.5, 0.0), ("90.0,98.5", 1.5, 1.0), ("98.0,99.0", 1.5, 1.0)],
    ids=["before the request", "begun before it", "begun after it"],
)
def test_a_warm_worker_counts_as_import_what_it_has_waited_for(
    clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, imported: str, start_seconds: float, import_seconds: float
):
    monkeypatch.setenv(STARTED_VARIABLE, "97.5")
    monkeypatch.setenv(IMPORTED_VARIABLE, imported)
    start = StartClock()
    start.lap("start")
    start.lap("import_")
    assert (start.timings.start, start.timings.import_) == (start_seconds, import_seconds)
    assert IMPORTED_VARIABLE not in os.environ
