"""The table of a running experiment on a terminal that can redraw: runs at work, failures, results, and one line that sums up all."""

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from arena.cli.live_rows import LiveRow, done_fraction, total_seconds_left
from arena.cli.statuses import ENDED, status_rank, status_style
from arena.formats.readable import clock_time, shown_return, shown_score
from arena.terminal.output import literal, visible

_COLUMNS = ("run", "status", "progress", "steps/s", "return", "best/score", "left")
"""Columns of the table."""
_DROPPED = ("return", "progress", "left", "steps/s", "best/score")
"""Columns that a narrow terminal leaves out until the names of the runs fit, the first one first."""
_ENOUGH_OF_A_NAME = 40
"""Room for names, in characters, for which columns give way; a longer name loses its middle instead."""
_SPREAD_WIDTH = 110
"""Width of the terminal from which a score is shown with its spread over episodes."""
_GAP = 2
"""Blanks between two columns, as rich lays them out."""
_BAR_WIDTHS = (8, 24)
"""Smallest and largest width of a bar, in characters; between them, it grows with the terminal."""


def live_table(rows: Mapping[str, LiveRow], *, width: int, height: int, num_at_a_time: int = 1) -> RenderableType:
    """Returns the table: runs at work first, then those that failed, then results, newest first, as far as there is room.

    Runs that wait, and all that there is no room for, are counted in the last line, which also shows how much of the whole is done and
    how long the rest will take.

    Args:
        rows: state of each run, by name.
        width: columns of the terminal.
        height: lines of the terminal.
        num_at_a_time: number of runs that are at work at a time.
    """
    named = [name for name, row in rows.items() if row.status != "waiting"]
    order = sorted(
        named, key=lambda name: (status_rank(rows[name].status), -(rows[name].began or 0.0) if rows[name].status in ENDED else 0.0)
    )
    shown = order[: max(1, height - 3)]
    bar_width = max(_BAR_WIDTHS[0], min(_BAR_WIDTHS[1], width // 10))
    cells = [_cells(rows[name], bar_width, has_spread=width >= _SPREAD_WIDTH) for name in shown]
    columns, name_width = _fitted(max(map(len, rows), default=0), cells, width)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, justify="left" if column in ("run", "status", "progress") else "right", no_wrap=True, overflow="ellipsis")
    for name, its_cells in zip(shown, cells, strict=True):
        table.add_row(literal(shortened(visible(name), name_width)), *(its_cells[column] for column in columns[1:]))
    return Group(table, _summary(rows, len(order) - len(shown), bar_width, num_at_a_time, width))


def shortened(text: str, width: int) -> str:
    """Returns `text` with an ellipsis in its middle if it is longer than `width`, so that both of its ends can be read."""
    if len(text) <= width:
        return text
    kept = max(0, width - 1)
    tail = kept * 2 // 3
    return f"{text[: kept - tail]}\N{HORIZONTAL ELLIPSIS}{text[len(text) - tail :]}"


def _fitted(name_width: int, cells: Sequence[Mapping[str, RenderableType]], width: int) -> tuple[list[str], int]:
    """Returns the columns that leave room for names of a width, or as many as a narrow terminal needs, and the room that names have."""
    columns = list(_COLUMNS)
    for dropped in (*_DROPPED, None):
        room = width - sum(_width(column, cells) + _GAP for column in columns[1:])
        if room >= min(name_width, _ENOUGH_OF_A_NAME) or dropped is None:
            break
        columns.remove(dropped)
    return columns, max(1, room)


def _width(column: str, cells: Sequence[Mapping[str, RenderableType]]) -> int:
    contents = [row[column] for row in cells]
    widths = [
        content.cell_len if isinstance(content, Text) else content.width or 0
        for content in contents
        if isinstance(content, Text | ProgressBar)
    ]
    return max([len(column), *widths])


def _cells(row: LiveRow, bar_width: int, *, has_spread: bool) -> dict[str, RenderableType]:
    """Returns the cells of all columns but the name."""
    is_over = row.status in ENDED
    left = clock_time(row.seconds_left) if row.seconds_left is not None and not is_over else ""
    return {
        "status": literal(row.shown_status, status_style(row.status)),
        "progress": ProgressBar(total=1.0, completed=row.bar, width=bar_width),
        "steps/s": literal("" if is_over else _whole(row.env_steps_per_second)),
        "return": literal("" if is_over else _return(row.last_return)),
        "best/score": _score(row, has_spread=has_spread),
        "left": literal(left),
    }


def _score(row: LiveRow, *, has_spread: bool) -> Text:
    if row.score_mean is None:
        return literal(_return(row.best_evaluation), "dim")
    return literal(shown_score(row.score_mean, row.score_std if has_spread else None), "bold")


def _summary(rows: Mapping[str, LiveRow], num_hidden: int, bar_width: int, num_at_a_time: int, width: int) -> RenderableType:
    """Returns the last line: a bar over all runs, what is left, and how many runs there are of each status."""
    counts = Counter(row.status for row in rows.values())
    order = sorted(counts, key=status_rank)
    total = ", ".join(f"{counts[status]}{f' of {len(rows)}' if status == order[0] else ''} {status}" for status in order)
    left = total_seconds_left(rows, num_at_a_time)
    time_left = f", {clock_time(left)} left" if left else ""
    line = f"{100 * done_fraction(rows):.0f}%{time_left}: {total}"
    hidden = f" ({num_hidden} not shown)" if num_hidden else ""
    text = Text(line + (hidden if len(line + hidden) <= width else ""), style="dim", no_wrap=True, overflow="ellipsis")
    if bar_width + _GAP + text.cell_len > width:
        return text
    grid = Table.grid(padding=(0, _GAP, 0, 0))
    grid.add_row(ProgressBar(total=1.0, completed=done_fraction(rows), width=bar_width), text)
    return grid


def _whole(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _return(value: float | None) -> str:
    return "" if value is None else shown_return(value)
