import io
import json
import re
import time

import pytest

from arena.cli.closing_table import ClosingRow, closing_table
from arena.cli.live import TerminalView
from arena.cli.live_rows import LiveRow


class Screen(io.StringIO):
    """A terminal that remembers all that was written to it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def plain_text(screen: io.StringIO) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())


def test_plain_mode_writes_a_line_per_period_and_at_each_new_status(clock):
    file = io.StringIO()
    with TerminalView(["a", "b"], mode="plain", file=file, period_seconds=10.0) as view:
        view.update("a", status="running", max_env_steps=20_000)
        view.update("a", env_steps=1_000)
        clock[0] += 9.0
        view.update("a", env_steps=2_000)
        clock[0] += 1.0
        view.update("a", env_steps=3_000, env_steps_per_second=1234.5, last_return=9.04, best_evaluation=20.0, seconds_left=75.0)
        view.update("b", status="crashed", message="ValueError: no")
        view.update("a", status="finished", env_steps=20_000)
    assert file.getvalue().splitlines() == [
        "a: running, 0/20,000 env steps",
        "a: running, 3,000/20,000 env steps, 1,234 steps/s, return 9.0, best evaluation 20.0, 1:15 left",
        "b: crashed, 0 env steps, ValueError: no",
        "a: finished, 20,000/20,000 env steps, 1,234 steps/s, return 9.0, best evaluation 20.0",
    ]


def test_a_message_is_written_at_once_and_once(clock):
    file = io.StringIO()
    view = TerminalView(["a"], mode="plain", file=file, period_seconds=10.0)
    view.update("a", status="running")
    view.update("a", message="resumed")
    clock[0] += 10.0
    view.update("a", env_steps=1)
    assert [line.endswith("resumed") for line in file.getvalue().splitlines()] == [False, True, False]


def test_json_mode_writes_every_event_as_one_line():
    file = io.StringIO()
    with TerminalView(["a"], mode="json", file=file) as view:
        view.update("a", status="running")
        view.update("a", env_steps=5, last_return=float("nan"))
    closing_table([ClosingRow(agent="x", env="E", seed=0, status="finished", env_steps=5)], mode="json", file=file)
    running, progress, result = (json.loads(line) for line in file.getvalue().splitlines())
    assert running == {"event": "run", "run": "a", "status": "running"}
    assert progress == {"event": "run", "run": "a", "env_steps": 5, "last_return": None}
    assert (result["event"], result["agent"], result["score_mean"]) == ("result", "x", None)


def test_quiet_mode_draws_nothing_and_ends_with_the_outcome():
    file = Screen()
    with TerminalView(["a"], mode="quiet", file=file) as view:
        view.update("a", status="crashed", message="no")
    closing_table([ClosingRow(agent="x", env="E", seed=0, status="crashed", env_steps=5)], mode="quiet", file=file)
    assert file.getvalue() == "x/E/seed-0: crashed\n"


def test_auto_is_plain_without_a_terminal_even_where_colour_is_forced(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    file = io.StringIO()
    with TerminalView(["a"], file=file) as view:
        view.update("a", status="running")
    closing_table([ClosingRow(agent="x", env="E", seed=0, status="crashed", env_steps=5)], file=file)
    assert file.getvalue().startswith("a: running")
    assert "\x1b" not in file.getvalue()


def test_auto_is_plain_on_a_terminal_that_cannot_redraw(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    file = Screen()
    with TerminalView(["a"], file=file) as view:
        view.update("a", status="running")
    assert "\x1b" not in file.getvalue()


def test_live_mode_draws_the_last_state_and_messages_above_it(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("LINES", "30")
    screen = Screen()
    with TerminalView(["a", "b"], file=screen) as view:
        view.update("a", status="running", env_steps=50, max_env_steps=100, best_evaluation=12.5, seconds_left=3_700)
        view.update("b", status="crashed", message="[red]odd[/red]")
        view.update("a", message="selection evaluation")
    text = plain_text(screen)
    assert "\x1b[" in screen.getvalue()
    assert "b: [red]odd[/red]" in text
    last = text[text.rindex("run  ") :]
    assert re.search(r"a +running .* 12\.5 +1:01:40", last)
    assert "selection evaluation" not in text  # the table shows the best evaluation
    assert "1 of 2 running, 1 crashed" in last
    written = screen.getvalue()
    view.finish()
    view.update("a", status="finished")
    assert screen.getvalue() == written


def test_unknown_runs_and_fields_are_errors():
    view = TerminalView(["a"], mode="quiet", file=io.StringIO())
    with pytest.raises(KeyError):
        view.update("b", status="running")
    with pytest.raises(AttributeError):
        view.update("a", steps=1)


def test_runs_that_ended_in_an_earlier_call_are_shown_with_their_scores(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("LINES", "30")
    screen = Screen()
    with TerminalView(["a", "b"], earlier={"a": LiveRow(status="finished", score_mean=12.5, score_std=0.5)}, file=screen) as view:
        view.update("b", status="training", env_steps=1, max_env_steps=2)
    last = plain_text(screen)
    last = last[last.rindex("run  ") :]
    assert re.search(r"a +finished .*12\.5 ± 0\.5", last)
    assert "75%: 1 of 2 training, 1 finished" in last
