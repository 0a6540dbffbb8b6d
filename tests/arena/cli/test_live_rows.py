import time

import pytest

from arena.cli.live_rows import LiveRow, done_fraction, total_seconds_left


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def names(agent: str, count: int) -> list[str]:
    return [f"{agent}/CartPole-v1/seed-{seed}" for seed in range(count)]


def test_a_row_takes_the_time_from_its_first_phase_to_its_end_once(clock):
    row = LiveRow()
    row.note_time()
    assert row.began is None
    for seconds, status in ((1.0, "importing"), (2.0, "training"), (5.0, "finished"), (9.0, "finished")):
        clock[0] = 100.0 + seconds
        row.status = status
        row.note_time()
    assert (row.began, row.seconds) == (101.0, 4.0)


@pytest.mark.parametrize(
    ("row", "bar", "done"),
    [
        (LiveRow(), 0.0, 0.0),
        (LiveRow(status="training", env_steps=25, max_env_steps=100), 0.25, 0.25),
        (LiveRow(status="finished", env_steps=25, max_env_steps=100), 1.0, 1.0),
        (LiveRow(status="crashed", env_steps=25, max_env_steps=100), 0.25, 1.0),
        (LiveRow(status="training", env_steps=101, max_env_steps=100), 1.0, 1.0),
    ],
)
def test_the_bar_of_a_finished_run_is_full_and_that_of_a_failed_one_shows_where_it_stopped(row, bar, done):
    assert (row.bar, row.done) == (bar, done)
    assert done_fraction({"a": row, "b": LiveRow()}) == done / 2


def test_the_time_left_is_unknown_until_something_is_known():
    assert total_seconds_left({name: LiveRow() for name in names("a", 3)}, 1) is None
    assert total_seconds_left({"a/E/seed-0": LiveRow(status="building")}, 1) is None


def test_waiting_runs_take_the_median_time_of_their_own_kind(clock):
    slow, fast = names("slow", 4), names("fast", 3)
    rows = {name: LiveRow() for name in (*slow, *fast)}
    for name, seconds in ((slow[0], 100.0), (slow[1], 300.0), (slow[2], 110.0), (fast[0], 10.0)):
        rows[name] = LiveRow(status="finished", seconds=seconds)
    assert total_seconds_left(rows, 1) == 110.0 + 2 * 10.0
    assert total_seconds_left(rows, 2) == 110.0  # the slow one needs that long, whatever runs beside it
    rows["new/CartPole-v1/seed-0"] = LiveRow()
    assert total_seconds_left(rows, 1) == 110.0 + 2 * 10.0 + 105.0  # a kind that nothing is known of: the median of all


def test_runs_at_work_count_by_their_own_estimate_and_stand_for_their_kind_until_one_has_finished(clock):
    first, second, third = names("a", 3)
    rows = {first: LiveRow(status="training", began=80.0, seconds_left=30.0), second: LiveRow(), third: LiveRow()}
    assert total_seconds_left(rows, 1) == 30.0 + 2 * 50.0
    rows[second] = LiveRow(status="building", began=90.0)
    assert total_seconds_left(rows, 1) == 30.0 + 40.0 + 50.0


def test_nothing_is_left_once_all_have_ended():
    assert total_seconds_left({"a/E/seed-0": LiveRow(status="finished", seconds=3.0)}, 1) == 0.0
