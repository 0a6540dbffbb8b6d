import io
import json
import re
import time

import pytest
from rich.console import Console

from arena.cli.closing_table import ClosingRow, closing_table
from arena.cli.live import LiveRow, TerminalView, live_table


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


def test_quiet_mode_writes_nothing():
    file = Screen()
    with TerminalView(["a"], mode="quiet", file=file) as view:
        view.update("a", status="crashed", message="no")
    closing_table([ClosingRow(agent="x", env="E", seed=0, status="crashed", env_steps=5)], mode="quiet", file=file)
    assert file.getvalue() == ""


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
        view.update("b", message="[red]odd[/red]")
    text = plain_text(screen)
    assert "\x1b[" in screen.getvalue()
    assert "b: [red]odd[/red]" in text
    last = text[text.rindex("run  ") :]
    assert re.search(r"a +running .* 12\.5 +1:01:40", last)
    assert "2 runs: 1 running, 1 waiting" in last
    written = screen.getvalue()
    view.finish()
    view.update("a", status="finished")
    assert screen.getvalue() == written


@pytest.mark.parametrize("width", [20, 39, 40, 60, 80, 200])
@pytest.mark.parametrize("height", [4, 10, 50])
def test_live_table_fits_the_terminal_and_shows_runs_at_work_first(width, height):
    names = [f"keras-dqn/CartPole-v1/seed-{seed}" for seed in range(150)]
    rows = {name: LiveRow(status="finished", env_steps=10, max_env_steps=10) for name in names}
    rows[names[140]].status = "running"
    rows[names[141]].status = "crashed"
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True)
    with console.capture() as capture:
        console.print(live_table(rows, width=width, height=height))
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capture.get()).splitlines()
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    assert "running" in lines[1]
    assert lines[-1].startswith("150 runs: 1 running"[: width - 1])


def test_the_footer_counts_what_is_not_shown():
    rows = {str(index): LiveRow() for index in range(100)}
    console = Console(file=io.StringIO(), width=80)
    console.print(live_table(rows, width=80, height=13))
    assert console.file.getvalue().splitlines()[-1].rstrip() == "100 runs: 100 waiting (90 not shown)"


def test_unknown_runs_and_fields_are_errors():
    view = TerminalView(["a"], mode="quiet", file=io.StringIO())
    with pytest.raises(KeyError):
        view.update("b", status="running")
    with pytest.raises(AttributeError):
        view.update("a", steps=1)
