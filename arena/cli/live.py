"""What a person, or a program, sees on the terminal while an experiment runs, and the table at its end.

Modes: `live` redraws a table in place; `plain` writes lines without control codes, for logs and pipes; `json` writes one JSON line
per event; `quiet` writes nothing. `auto` is `live` on a terminal and `plain` elsewhere.
"""

import dataclasses
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Literal, Self, TextIO, Unpack

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from arena.formats.json import json_line
from arena.run_folder.events import RunUpdate

Mode = Literal["auto", "live", "plain", "json", "quiet"]
ENDED = frozenset({"finished", "crashed", "timed_out", "killed", "diverged", "pruned", "interrupted"})
"""Statuses after which a run does nothing more. `waiting` is the status of one that has not begun; any other is at work."""


@dataclasses.dataclass(slots=True)
class Row:
    """What is known of one run."""

    status: str = "waiting"
    env_steps: int = 0
    max_env_steps: int | None = None
    env_steps_per_second: float | None = None
    last_return: float | None = None
    """Of the training episodes since the last update."""
    best_evaluation: float | None = None
    """Mean return of the best evaluation so far."""
    seconds_left: float | None = None
    message: str = ""
    """For people: shown once."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClosingRow:
    """One line of the closing table."""

    agent: str
    env: str
    seed: int
    status: str
    env_steps: int
    score_mean: float | None = None
    """Mean return over the final evaluation's episodes."""
    score_std: float | None = None
    """Standard deviation over those episodes."""
    train_seconds: float | None = None
    env_steps_per_second: float | None = None
    policy_path: str | None = None


class TerminalView:
    """The view of a running experiment.

    Args:
        run_names: all runs, in the order in which they will start.
        mode: see the module.
        file: where to write; standard output if None.
        period_seconds: in plain mode, the least time between two lines of a run whose status stays.
    """

    def __init__(self, run_names: Sequence[str], *, mode: Mode = "auto", file: TextIO | None = None, period_seconds: float = 10.0) -> None:
        self._file = file or sys.stdout
        self._mode = _resolve(mode, self._file)
        self._rows = {name: Row() for name in run_names}
        self._period_seconds = period_seconds
        self._last_line_seconds: dict[str, float] = {}
        self._console = Console(file=self._file, force_terminal=self._mode == "live")
        self._live: Live | None = None
        if self._mode == "live":
            # Redrawn by a thread of its own, so that an update costs a few assignments; twice a second, because drawing takes
            # milliseconds of a core that training wants.
            self._live = Live(console=self._console, get_renderable=self._table, refresh_per_second=2, vertical_overflow="crop")
            self._live.start()

    def update(self, run_name: str, **fields: Unpack[RunUpdate]) -> None:
        """Takes over what is new about a run; names as in `Row`.

        Raises:
            KeyError: on a run that was not announced.
            AttributeError: on an unknown field.
        """
        row = self._rows[run_name]
        is_new_status = fields.get("status", row.status) != row.status
        for name, value in fields.items():
            setattr(row, name, value)
        message = fields.get("message", "")
        if self._live is not None:
            if message:
                self._console.print(Text(f"{run_name}: {message}"))
        elif self._mode == "json":
            self._write(json_line({"event": "run", "run": run_name, **fields}))
        elif self._mode == "plain" and (is_new_status or message or self._is_due(run_name)):
            self._last_line_seconds[run_name] = time.monotonic()
            self._write(_plain_line(run_name, row, message) + "\n")

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

    def _write(self, line: str) -> None:
        self._file.write(line)
        self._file.flush()

    def _table(self) -> RenderableType:
        return _live_table(self._rows, width=self._console.width, height=self._console.height)


def closing_table(rows: Sequence[ClosingRow], *, mode: Mode = "auto", file: TextIO | None = None) -> None:
    """Writes the outcome of all runs; modes as in the module, `live` with colours."""
    file = file or sys.stdout
    mode = _resolve(mode, file)
    if mode == "json":
        file.writelines(json_line({"event": "result", **dataclasses.asdict(row)}) for row in rows)
    elif mode in ("plain", "live"):
        lines = _aligned([_CLOSING_HEADER, *(_closing_cells(row) for row in rows)])
        if mode == "plain":
            file.writelines(f"{line}\n" for line in lines)
        else:
            _print_coloured(lines, rows, Console(file=file, force_terminal=True))
    file.flush()


def _print_coloured(lines: Sequence[str], rows: Sequence[ClosingRow], console: Console) -> None:
    paths = [row.policy_path for row in rows if row.policy_path]
    if max(map(len, lines)) > console.width:  # the paths then stand below, each on a line of its own, whole
        lines = _aligned([_CLOSING_HEADER[:-1], *(_closing_cells(row)[:-1] for row in rows)])
    else:
        paths = []
    console.print(Text(lines[0], style="bold"), soft_wrap=True)
    for row, line in zip(rows, lines[1:], strict=True):
        text = Text(line)
        text.highlight_words([row.status], _style(row.status))
        console.print(text, soft_wrap=True)
    for path in paths:
        console.print(Text(path), soft_wrap=True)


_CLOSING_HEADER = ("agent", "env", "seed", "status", "env steps", "score", "train s", "steps/s", "policy")
_RIGHT = frozenset({"seed", "env steps", "score", "train s", "steps/s"})


def _closing_cells(row: ClosingRow) -> tuple[str, ...]:
    score = _number(row.score_mean) if row.score_std is None else f"{_number(row.score_mean)} ± {_number(row.score_std)}"
    seconds = "-" if row.train_seconds is None else f"{row.train_seconds:,.1f}"
    rate, policy = _count(row.env_steps_per_second), row.policy_path or "-"
    return row.agent, row.env, str(row.seed), row.status, _count(row.env_steps), score, seconds, rate, policy


def _live_table(rows: dict[str, Row], *, width: int, height: int) -> RenderableType:
    """Draws as many runs as the terminal has lines for, those at work first, and counts the rest."""
    order = sorted(rows, key=lambda name: _rank(rows[name].status))
    num_shown = len(order) if len(order) <= height - 2 else max(1, height - 3)
    bar_width = max(4, min(24, width // 6))
    columns = _columns_for(width)
    table = Table(box=None, header_style="bold", pad_edge=False, expand=width < 100)
    for name in columns:
        right = name not in ("run", "status", "progress")
        flexible = name == "run"
        table.add_column(name, justify="right" if right else "left", no_wrap=True, overflow="ellipsis", ratio=1 if flexible else None)
    for name in order[:num_shown]:
        table.add_row(*_live_cells(name, rows[name], columns, bar_width))
    counts = Counter(row.status for row in rows.values())
    total = ", ".join(f"{count} {status}" for status, count in sorted(counts.items(), key=lambda item: _rank(item[0])))
    hidden = len(order) - num_shown
    footer = f"{len(order)} runs: {total}" + (f" ({hidden} not shown)" if hidden else "")
    return Group(table, Text(footer, style="dim", no_wrap=True, overflow="ellipsis"))


def _columns_for(width: int) -> list[str]:
    """Returns the columns that fit: on a narrow terminal those that matter least are left out."""
    least_widths = {"run": 0, "status": 0, "progress": 40, "steps/s": 60, "return": 76, "best eval": 90, "left": 50}
    return [name for name, least_width in least_widths.items() if width >= least_width]


def _live_cells(name: str, row: Row, columns: list[str], bar_width: int) -> list[RenderableType]:
    bar: RenderableType = ""
    if row.max_env_steps:
        bar = ProgressBar(total=row.max_env_steps, completed=row.env_steps, width=bar_width)
    cells: dict[str, RenderableType] = {
        "run": Text(name),
        "status": Text(row.status, style=_style(row.status)),
        "progress": bar,
        "steps/s": _count(row.env_steps_per_second),
        "return": _number(row.last_return),
        "best eval": _number(row.best_evaluation),
        "left": "-" if row.status in ENDED else _duration(row.seconds_left),
    }
    return [cells[column] for column in columns]


def _plain_line(name: str, row: Row, message: str) -> str:
    steps = _count(row.env_steps)
    if row.max_env_steps:
        steps += f"/{_count(row.max_env_steps)}"
    parts = [f"{name}: {row.status}", f"{steps} env steps"]
    parts += [f"{_count(row.env_steps_per_second)} steps/s"] if row.env_steps_per_second is not None else []
    parts += [f"return {_number(row.last_return)}"] if row.last_return is not None else []
    parts += [f"best evaluation {_number(row.best_evaluation)}"] if row.best_evaluation is not None else []
    parts += [f"{_duration(row.seconds_left)} left"] if row.seconds_left is not None and row.status not in ENDED else []
    parts += [message] if message else []
    return ", ".join(parts)


def _resolve(mode: Mode, file: TextIO) -> Mode:
    if mode != "auto":
        return mode
    return "live" if file.isatty() and not Console(file=file).is_dumb_terminal else "plain"


def _rank(status: str) -> int:
    """Orders statuses: at work, ended badly, waiting, finished."""
    return {"waiting": 2, "finished": 3}.get(status, 1 if status in ENDED else 0)


def _style(status: str) -> str:
    return {0: "cyan", 1: "red", 2: "dim", 3: "green"}[_rank(status)]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = [name in _RIGHT for name in rows[0]]
    lines = []
    for row in rows:
        cells = [cell.rjust(width) if is_right else cell.ljust(width) for cell, width, is_right in zip(row, widths, right, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def _count(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
