"""The table at the end of an experiment: the outcome of each run."""

import dataclasses
from collections.abc import Sequence
from typing import TextIO

from arena.cli.statuses import status_style
from arena.formats.readable import shown_score
from arena.terminal.output import Mode, Output

_SCORE = "score ± std over episodes"
_HEADER = ("agent", "env", "seed", "status", "env steps", _SCORE, "train s", "steps/s", "policy")
_RIGHT = frozenset({"seed", "env steps", _SCORE, "train s", "steps/s"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClosingRow:
    """One line of the closing table."""

    agent: str
    """Name of the agent."""
    env: str
    """Name of the environment."""
    seed: int
    """Seed of the run."""
    status: str
    """Status with which the run ended."""
    env_steps: int
    """Env steps that the run took."""
    score_mean: float | None = None
    """Mean return over the final evaluation's episodes."""
    score_std: float | None = None
    """Standard deviation over those episodes."""
    score_episodes: int = 0
    """Number of those episodes."""
    score_num_cut: int = 0
    """Number of those episodes that were cut at the evaluation's limit."""
    train_seconds: float | None = None
    """Wall seconds of training."""
    env_steps_per_second: float | None = None
    """Env steps per wall second of training."""
    policy_path: str | None = None
    """Path of the policy that was judged."""


def closing_table(rows: Sequence[ClosingRow], *, mode: Mode = "auto", file: TextIO | None = None) -> None:
    """Writes the outcome of all runs: aligned columns for people, an object a line for programs, scores alone where all else is quiet."""
    output = Output(mode, file)
    for row in rows:
        output.record({"event": "result", **dataclasses.asdict(row)})
        output.outcome(f"{row.agent}/{row.env}/seed-{row.seed}: {row.status if row.score_mean is None else _score(row)}")
    table = [_HEADER, *(_cells(row) for row in rows)]
    lines, paths = _aligned(table), list[str]()
    if max(map(len, lines)) > output.console.width:  # the paths then stand below, each on a line of its own, whole
        lines = _aligned([cells[:-1] for cells in table])
        paths = [row.policy_path for row in rows if row.policy_path]
    output.say(lines[0], style="bold")
    for row, line in zip(rows, lines[1:], strict=True):
        output.say(line, highlighted={row.status: status_style(row.status)})
    for path in paths:
        output.say(path)


def _cells(row: ClosingRow) -> tuple[str, ...]:
    score = "-" if row.score_mean is None else _score(row)
    seconds = "-" if row.train_seconds is None else f"{row.train_seconds:,.1f}"
    rate = "-" if row.env_steps_per_second is None else f"{row.env_steps_per_second:,.0f}"
    return row.agent, row.env, str(row.seed), row.status, f"{row.env_steps:,}", score, seconds, rate, row.policy_path or "-"


def _score(row: ClosingRow) -> str:
    return shown_score(row.score_mean, row.score_std, num_cut=row.score_num_cut, num_episodes=row.score_episodes)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = [name in _RIGHT for name in rows[0]]
    lines = []
    for row in rows:
        cells = [cell.rjust(width) if is_right else cell.ljust(width) for cell, width, is_right in zip(row, widths, right, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines
