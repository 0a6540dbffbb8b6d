"""A leaderboard in the terminal."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.table import Table

from arena.formats.readable import count as num_of
from arena.formats.readable import duration
from arena.statistics.estimate import Estimate
from arena.terminal.output import Output, literal
from arena.tournament.players import RANDOM
from arena.tournament.standings import Standing, Standings

_MAX_ENTRANT_CELLS = 40
"""A longer name folds."""


def print_leaderboard(standings: Standings, output: Output) -> None:
    """Prints the leaderboard as a table, and what a reader must know beneath it."""
    output.show(_table(standings, output.console.width))
    for env in standings.envs:
        scores = ", ".join(f"{score.entrant} {_score(score.score, env.kind)}" for score in env.scores)
        output.say(f"{env.env}: {scores}")
        if env.kind == "game":
            output.say(
                f"  {env.num_distinct_games} distinct games of {env.num_games}; points of the first mover {env.first_mover_points:.1%}"
            )
        for player, kind, count in env.reasons:
            output.say(f"  {player}: {kind} ({num_of(count, 'game' if env.kind == 'game' else 'evaluation')})")
    for note in standings.notes:
        output.say(f"Note: {note}")


def _table(standings: Standings, width: int) -> Table:
    """Returns the table in at most `width` cells: where it is too wide, the last columns are left to the page, and names stay whole."""
    columns = _columns(standings)
    while len(columns) > 5 and sum(_width(column) + 1 for column in columns) > width:
        columns.pop()
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for title, *_ in columns:
        table.add_column(
            title,
            no_wrap=title != "entrant",
            overflow="fold" if title == "entrant" else "ellipsis",
            justify="left" if title in ("rank", "entrant") else "right",
            min_width=min(_width(columns[1]), _MAX_ENTRANT_CELLS) if title == "entrant" else None,
        )
    for row in zip(*(cells for _, *cells in columns), strict=True):
        table.add_row(*map(literal, row))
    return table


def _columns(standings: Standings) -> list[list[str]]:
    """Returns the columns, each with its title before its cells, the dispensable last."""
    rows = standings.rows
    columns = [
        ["rank", *(f"{row.rank}" if row.rank_low == row.rank_high else f"{row.rank} ({row.rank_low}-{row.rank_high})" for row in rows)],
        ["entrant", *(row.entrant for row in rows)],
        ["rating", *(f"{row.rating.value:.0f}" for row in rows)],
        [f"{standings.confidence:.0%} interval", *map(_rating_interval, rows)],
        ["points", *(f"{row.points:.1%}" for row in rows)],
        ["won-tied-lost", *(f"{row.wins}-{row.ties}-{row.losses}" for row in rows)],
    ]
    if any(row.cost for row in rows):
        columns.append(["env steps", *(_short(row.cost.env_steps) if row.cost else "" for row in rows)])
        columns.append(["CPU", *(duration(row.cost.cpu_seconds) if row.cost else "" for row in rows)])
    return columns


def _width(column: Sequence[str]) -> int:
    return max(map(cell_len, column))


def _rating_interval(row: Standing) -> str:
    low, high = row.rating.low, row.rating.high
    if low is None or high is None:
        return "none"
    return "" if row.entrant == RANDOM else f"{low:.0f} to {high:.0f}"


def _short(count: int) -> str:
    size, unit = (1e6, "M") if count >= 1e6 else (1e3, "k") if count >= 1e4 else (1.0, "")
    return f"{count / size:.3g}{unit}" if unit else str(count)


def _score(score: Estimate, kind: str) -> str:
    style = ".1%" if kind == "game" else ".1f"
    bounds = "no interval" if score.low is None or score.high is None else f"{score.low:{style}}, {score.high:{style}}"
    return f"{score.value:{style}} [{bounds}]"
