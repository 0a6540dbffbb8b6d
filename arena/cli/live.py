"""The view of a running experiment: a table that is redrawn in place, lines for a log, or JSON lines for a program."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Self, TextIO

from rich.console import RenderableType
from rich.live import Live

from arena.cli.live_rows import LiveRow
from arena.cli.live_table import live_table
from arena.cli.statuses import ENDED
from arena.formats.readable import clock_time, shown_return
from arena.terminal.output import Mode, Output

_WORTH_A_LINE = ENDED - {"finished"} | {"restarting"}
"""Statuses whose messages are written above the live table; the table itself shows what evaluations and finished runs have to say."""


class TerminalView:
    """The view of a running experiment (an `arena.experiment.runner.View`).

    Args:
        run_names: all runs, in the order in which they will start.
        earlier: state of those that ended before this command began, and are not tried again.
        mode: what is written (`arena.terminal.output`).
        file: file to write to; standard output if None.
        period_seconds: shortest time, in plain mode, between two lines of a run whose status does not change.
    """

    def __init__(
        self,
        run_names: Sequence[str],
        *,
        earlier: Mapping[str, LiveRow] | None = None,
        mode: Mode = "auto",
        file: TextIO | None = None,
        period_seconds: float = 10.0,
    ) -> None:
        self._output = Output(mode, file)
        self._rows = {name: LiveRow() for name in run_names} | dict(earlier or {})
        self._num_at_a_time = 0
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
        row.note_time()
        self._num_at_a_time = max(self._num_at_a_time, sum(row.is_at_work for row in self._rows.values()))
        self._output.record({"event": "run", "run": run_name, **fields})
        message = fields.get("message", "")
        if self._output.mode == "plain" and (is_new_status or message or self._is_due(run_name)):
            self._last_line_seconds[run_name] = time.monotonic()
            self._output.say(_plain_line(run_name, row, message))
        elif self._live is not None and message and row.status in _WORTH_A_LINE:
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
        console = self._output.console
        return live_table(self._rows, width=console.width, height=console.height, num_at_a_time=self._num_at_a_time)


def _plain_line(name: str, row: LiveRow, message: str) -> str:
    steps = _whole(row.env_steps)
    if row.max_env_steps:
        steps += f"/{_whole(row.max_env_steps)}"
    parts = [f"{name}: {row.shown_status}", f"{steps} env steps"]
    parts += [f"{_whole(row.env_steps_per_second)} steps/s"] if row.env_steps_per_second is not None else []
    parts += [f"return {shown_return(row.last_return)}"] if row.last_return is not None else []
    parts += [f"best evaluation {shown_return(row.best_evaluation)}"] if row.best_evaluation is not None else []
    parts += [f"{clock_time(row.seconds_left)} left"] if row.seconds_left is not None and row.status not in ENDED else []
    parts += [message] if message else []
    return ", ".join(parts)


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
