"""The charts of a report with the numbers behind them: learning curves and the performance profile."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from arena.formats.readable import listed, number
from arena.html import charts
from arena.html.line_styles import LineStyle, agent_styles
from arena.report.document import Axis, ExperimentReport, MeanCurve
from arena.statistics.bootstrap import MIN_SEEDS

NUM_TABLE_ROWS = 12
"""Largest number of points of a curve that its table shows."""

AXES: tuple[tuple[Axis, str, str], ...] = (
    ("env_steps", "At equal env steps", "env steps"),
    ("train_seconds", "At equal seconds", "seconds of training"),
)
"""Axes of learning curves, each with its caption and the title of the axis."""


@dataclasses.dataclass(frozen=True)
class Figure:
    """A chart with the numbers behind it."""

    caption: str
    """Caption of the chart and of its table."""
    chart: charts.LineChart | None
    """The chart; None if no curve has a point to draw."""
    x_label: str
    """Label of the x axis, and head of the table's first column."""
    curves: tuple[charts.ChartLine, ...]
    """The curves of the chart, which are the other columns of the table."""

    def rows(self) -> list[tuple[float, list[tuple[float | None, float | None, float | None]]]]:
        """Returns x and (value, low, high) of every curve, at some of the points."""
        grid = self.curves[0].x
        wanted = sorted({round(k * (len(grid) - 1) / (NUM_TABLE_ROWS - 1)) for k in range(NUM_TABLE_ROWS)})
        return [(grid[i], [(c.y[i], c.low[i] if c.low else None, c.high[i] if c.high else None) for c in self.curves]) for i in wanted]


def report_styles(report: ExperimentReport) -> dict[str, LineStyle]:
    """Returns the style of each agent of a report."""
    return agent_styles({agent.name: agent.agent for agent in report.agents})


def curve_figures(report: ExperimentReport, styles: Mapping[str, LineStyle]) -> list[tuple[str, list[Figure]]]:
    """Returns the learning curves over env steps and over seconds: for all environments together, if there are several, and for each.

    Args:
        report: the report.
        styles: style of each agent's lines.
    """
    # The mean score over one environment is the curve of that environment on another scale.
    groups: list[tuple[str | None, str]] = [(None, "All environments: mean score")] if report.num_envs_in_aggregates > 1 else []
    groups += [(env.name, env.name) for env in report.envs]
    found = []
    for env, title in groups:
        y_label = "score" if env is None else "return"
        figures = []
        for axis, caption, x_label in AXES:
            curves = [curve for curve in report.curves if curve.env == env and curve.axis == axis]
            if curves:
                figures.append(_figure(curves, styles, caption, x_label, y_label))
        if figures:
            found.append((title, figures))
    return found


def _figure(curves: Sequence[MeanCurve], styles: Mapping[str, LineStyle], caption: str, x_label: str, y_label: str) -> Figure:
    lines = tuple(
        charts.ChartLine(
            label=curve.agent, style=styles[curve.agent], x=curve.x, y=curve.values, **_ends(curve.low, curve.high, curve.num_seeds)
        )
        for curve in curves
    )
    ends = listed([f"{curve.agent} {number(curve.values[-1])}" for curve in curves])
    description = f"{y_label} over {x_label}; at the end: {ends}. The table below has the numbers."
    # A grid that does not begin at zero is spaced by factors.
    log_x = curves[0].x[0] > 0 and curves[0].x[-1] > 30 * curves[0].x[0] and x_label != "env steps"
    return Figure(caption, charts.line_chart(lines, x_label=x_label, y_label=y_label, description=description, log_x=log_x), x_label, lines)


def _ends(low: Sequence[float | None], high: Sequence[float | None], num_seeds: int) -> dict[str, Any]:
    """Returns the ends of a band; none where a band of so few seeds would seem to say more than they can."""
    return {} if num_seeds < MIN_SEEDS else {"low": low, "high": high}


def profile_figure(report: ExperimentReport, styles: Mapping[str, LineStyle]) -> Figure | None:
    """Returns the performance profile; None without scores. Takes what `curve_figures` takes."""
    if not report.profiles:
        return None
    iqm = [row for row in report.aggregates if row.metric == "iqm"]
    seeds = {row.agent: row.estimate.num_seeds for row in iqm}
    lines = tuple(
        charts.ChartLine(label=p.agent, style=styles[p.agent], x=p.thresholds, y=p.fractions, **_ends(p.low, p.high, seeds.get(p.agent, 0)))
        for p in report.profiles
    )
    description = "Fraction of runs that score above each threshold. The table below has the numbers."
    chart = charts.line_chart(lines, x_label="score τ", y_label="fraction of runs above τ", description=description, y_limits=(0.0, 1.02))
    return Figure("Fraction of runs that score above τ; higher is better.", chart, "score τ", lines)
