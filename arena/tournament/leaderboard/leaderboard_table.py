"""The leaderboard as a table for the terminal, and the lines beneath it; nothing is printed here."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.table import Table

from arena.formats.readable import count as num_of
from arena.formats.readable import duration, return_decimals
from arena.statistics.estimate import Estimate
from arena.terminal.output import literal
from arena.tournament.standings.standings import Standing, Standings

MAX_ENTRANT_CELLS = 40
"""Max width of the column of names; a longer name folds."""
MIN_COLUMNS = 5
"""Number of columns that stay, however narrow the terminal is."""


def leaderboard_table(standings: Standings, width: int) -> Table:
    """Returns the table in at most `width` cells: where it is too wide, the last columns are left to the page, and names stay whole."""
    columns = _columns(standings)
    while len(columns) > MIN_COLUMNS and sum(_width(column) + 1 for column in columns) > width:
        columns.pop()
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for title, *_ in columns:
        if title == "entrant":
            table.add_column(title, overflow="fold", min_width=min(_width(columns[1]), MAX_ENTRANT_CELLS))
        else:
            table.add_column(title, no_wrap=True, justify="left" if title == "rank" else "right")
    for row in zip(*(cells for _, *cells in columns), strict=True):
        table.add_row(*map(literal, row))
    return table


def leaderboard_lines(standings: Standings) -> Iterator[str]:
    """Yields the lines beneath the table: scores and faults on each environment, and the notes."""
    for env in standings.envs:
        scores = ", ".join(f"{score.entrant} {_score(score.score, env.kind)}" for score in env.scores)
        yield f"{env.env}: {scores}"
        if env.kind == "game":
            yield f"  {env.num_distinct_games} distinct games of {env.num_games}; points of the first mover {env.first_mover_points:.1%}"
        if env.num_cut_games:
            yield f"  {env.num_cut_games} of {env.num_games} games had not ended after as many moves as --max-plies allows: draws"
        for player, kind, count in env.reasons:
            yield f"  {player}: {kind} ({num_of(count, 'game' if env.kind == 'game' else 'evaluation')})"
    for note in standings.notes:
        yield f"Note: {note}"


def _columns(standings: Standings) -> list[list[str]]:
    """Returns the columns, each with its title before its cells; those that can be left out come last."""
    rows = standings.rows
    columns = [
        ["rank", *map(_rank, rows)],
        ["entrant", *map(_entrant, rows)],
        ["points", *(f"{row.points.value:.1%}" for row in rows)],
        [f"{standings.confidence:.0%} interval", *(_interval(row.points) for row in rows)],
        ["rating", *("below all" if row.below_all else f"{row.rating.value:.0f}" for row in rows)],
        ["won-tied-lost", *(f"{row.wins}-{row.ties}-{row.losses}" for row in rows)],
    ]
    if any(row.failed for row in rows):
        columns.insert(5, ["failed runs", *(f"{len(row.failed)}/{len(row.runs)}" if row.runs else "" for row in rows)])
    if any(row.cost for row in rows):
        columns.append(["env steps", *(_short(row.cost.env_steps) if row.cost else "" for row in rows)])
        columns.append(["CPU", *(duration(row.cost.cpu_seconds) if row.cost else "" for row in rows)])
    return columns


def _entrant(row: Standing) -> str:
    marks = ["program"] if row.program else []
    marks += [row.absent.split()[0].strip(":")] if row.absent else []
    return f"{row.entrant} ({', '.join(marks)})" if marks else row.entrant


def _width(column: Sequence[str]) -> int:
    return max(map(cell_len, column))


def _rank(row: Standing) -> str:
    label = f"{row.rank}{'=' if row.is_tied else ''}"
    return label if row.rank_low == row.rank_high else f"{label} ({row.rank_low}-{row.rank_high})"


def _interval(points: Estimate) -> str:
    return "none" if points.low is None or points.high is None else f"{100 * points.low:.0f} to {points.high:.0%}"


def _short(count: int) -> str:
    """Returns a large count with three digits and a unit: `7.5M`, `12k`."""
    if count >= 1e6:
        return f"{count / 1e6:.3g}M"
    return f"{count / 1e3:.3g}k" if count >= 1e4 else str(count)


def _score(score: Estimate, kind: str) -> str:
    style = ".1%" if kind == "game" else f".{return_decimals(score.value, score.low, score.high)}f"
    bounds = "no interval" if score.low is None or score.high is None else f"{score.low:{style}}, {score.high:{style}}"
    return f"{score.value:{style}} [{bounds}]"
