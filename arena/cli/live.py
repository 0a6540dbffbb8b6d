"""The view of a running experiment: a table that is redrawn in place, lines for a log, or JSON lines for a program."""

import dataclasses
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Self, TextIO

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from arena.cli.statuses import ENDED, status_rank, status_style
from arena.formats.readable import clock_time
from arena.terminal.output import Mode, Output, literal

_MIN_WIDTHS = {"run": 0, "status": 0, "progress": 40, "steps/s": 60, "return": 76, "best eval": 90, "left": 50}
"""Columns of the live table, with the width that a terminal needs for each; a narrow one leaves out those that matter least."""


@dataclasses.dataclass(slots=True)
class LiveRow:
    """State of one run, as far as its events have told."""

    status: str = "waiting"
    """Phase of the run, or how it ended."""
    env_steps: int = 0
    """Env steps taken so far."""
    max_env_steps: int | None = None
    """Budget of env steps."""
    env_steps_per_second: float | None = None
    """Env steps per wall second of training, lately."""
    last_return: float | None = None
    """Mean return of the training episodes since the last update."""
    best_evaluation: float | None = None
    """Mean return of the best evaluation so far."""
    seconds_left: float | None = None
    """Wall seconds that the run still needs, as estimated from its speed."""
    message: str = ""
    """Text for people, shown once."""


class TerminalView:
    """The view of a running experiment (an `arena.experiment.runner.View`).

    Args:
        run_names: all runs, in the order in which they will start.
        mode: what is written (`arena.terminal.output`).
        file: file to write to; standard output if None.
        period_seconds: shortest time, in plain mode, between two lines of a run whose status does not change.
    """

    def __init__(self, run_names: Sequence[str], *, mode: Mode = "auto", file: TextIO | None = None, period_seconds: float = 10.0) -> None:
        self._output = Output(mode, file)
        self._rows = {name: LiveRow() for name in run_names}
        self._period_seconds = period_seconds
        self._last_line_seconds: dict[str, float] = {}
        self._live: Live | None = None
        if self._output.mode == "live":
            # Redrawn by a thread of its own, so that an update costs a few assignments; twice a second, because drawing takes
            # milliseconds of a core that training wants.
            console = self._output.console
            self._live = Live(console=console, get_renderable=self._table, refresh_per_second=2, vertical_overflow="crop")
            self._live.start()

    def update(self, run_name: str, **fields: Any) -> None:
        """Takes over what is new about a run; names as in `LiveRow`.

        Raises:
            KeyError: on a run that was not announced.
            AttributeError: on an unknown field.
        """
        row = self._rows[run_name]
        is_new_status = fields.get("status", row.status) != row.status
        for name, value in fields.items():
            setattr(row, name, value)
        self._output.record({"event": "run", "run": run_name, **fields})
        message = fields.get("message", "")
        if self._output.mode == "plain" and (is_new_status or message or self._is_due(run_name)):
            self._last_line_seconds[run_name] = time.monotonic()
            self._output.say(_plain_line(run_name, row, message))
        elif self._live is not None and message:
            self._output.say(f"{run_name}: {message}")

    def finish(self) -> None:
        """Leaves the last state on the screen; may be called twice."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.finish()

    def _is_due(self, run_name: str) -> bool:
        return time.monotonic() - self._last_line_seconds.get(run_name, -float("inf")) >= self._period_seconds

    def _table(self) -> RenderableType:
        return live_table(self._rows, width=self._output.console.width, height=self._output.console.height)


def live_table(rows: Mapping[str, LiveRow], *, width: int, height: int) -> RenderableType:
    """Returns a table with as many runs as the terminal has lines for, those at work first, and a line that counts all.

    Args:
        rows: state of each run, by name.
        width: columns of the terminal.
        height: lines of the terminal.
    """
    order = sorted(rows, key=lambda name: status_rank(rows[name].status))
    num_shown = len(order) if len(order) <= height - 2 else max(1, height - 3)
    bar_width = max(4, min(24, width // 6))
    columns = [name for name, min_width in _MIN_WIDTHS.items() if width >= min_width]
    table = Table(box=None, header_style="bold", pad_edge=False, expand=width < 100)
    for name in columns:
        right = name not in ("run", "status", "progress")
        flexible = name == "run"
        table.add_column(name, justify="right" if right else "left", no_wrap=True, overflow="ellipsis", ratio=1 if flexible else None)
    for name in order[:num_shown]:
        table.add_row(*_live_cells(name, rows[name], columns, bar_width))
    counts = Counter(row.status for row in rows.values())
    total = ", ".join(f"{count} {status}" for status, count in sorted(counts.items(), key=lambda item: status_rank(item[0])))
    hidden = len(order) - num_shown
    footer = f"{len(order)} runs: {total}" + (f" ({hidden} not shown)" if hidden else "")
    return Group(table, Text(footer, style="dim", no_wrap=True, overflow="ellipsis"))


def _live_cells(name: str, row: LiveRow, columns: list[str], bar_width: int) -> list[RenderableType]:
    bar: RenderableType = ""
    if row.max_env_steps:
        bar = ProgressBar(total=row.max_env_steps, completed=row.env_steps, width=bar_width)
    has_time_left = row.status not in ENDED and row.seconds_left is not None
    cells: dict[str, RenderableType] = {
        "run": literal(name),
        "status": literal(row.status, status_style(row.status)),
        "progress": bar,
        "steps/s": _whole(row.env_steps_per_second),
        "return": _decimal(row.last_return),
        "best eval": _decimal(row.best_evaluation),
        "left": clock_time(row.seconds_left or 0.0) if has_time_left else "-",
    }
    return [cells[column] for column in columns]


def _plain_line(name: str, row: LiveRow, message: str) -> str:
    steps = _whole(row.env_steps)
    if row.max_env_steps:
        steps += f"/{_whole(row.max_env_steps)}"
    parts = [f"{name}: {row.status}", f"{steps} env steps"]
    parts += [f"{_whole(row.env_steps_per_second)} steps/s"] if row.env_steps_per_second is not None else []
    parts += [f"return {_decimal(row.last_return)}"] if row.last_return is not None else []
    parts += [f"best evaluation {_decimal(row.best_evaluation)}"] if row.best_evaluation is not None else []
    parts += [f"{clock_time(row.seconds_left)} left"] if row.seconds_left is not None and row.status not in ENDED else []
    parts += [message] if message else []
    return ", ".join(parts)


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _decimal(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
