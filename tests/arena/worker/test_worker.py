from types import SimpleNamespace

import pytest

from arena.executors.process import STARTED_VARIABLE
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
