"""The report of an experiment as one page."""

import dataclasses
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from arena.formats.readable import count, listed, number, percent
from arena.html import axes, charts
from arena.html.rendering import render as render_page
from arena.html.verdicts import verdict
from arena.report.decisions import claims, governing
from arena.report.document import Axis, Curve, Report
from arena.statistics.estimate import Estimate

NUM_TABLE_ROWS = 12
"""Points of a curve that its table shows."""

_AXES: tuple[tuple[Axis, str, str], ...] = (
    ("env_steps", "At equal env steps", "env steps"),
    ("train_seconds", "At equal seconds", "seconds of training"),
)
_METRICS = {"iqm": "IQM", "mean": "Mean", "median": "Median", "optimality_gap": "Optimality gap"}


@dataclasses.dataclass(frozen=True)
class Figure:
    """A chart with the numbers behind it."""

    caption: str
    chart: charts.LineChart | None
    x_label: str
    curves: tuple[charts.ChartLine, ...]

    def rows(self) -> list[tuple[float, list[tuple[float | None, float | None, float | None]]]]:
        """Returns x and (value, low, high) of every curve, at some of the points."""
        grid = self.curves[0].x
        wanted = sorted({round(k * (len(grid) - 1) / (NUM_TABLE_ROWS - 1)) for k in range(NUM_TABLE_ROWS)})
        return [(grid[i], [(c.y[i], c.low[i] if c.low else None, c.high[i] if c.high else None) for c in self.curves]) for i in wanted]


def render(report: Report) -> str:
    """Returns the page."""
    colors = {agent.name: index for index, agent in enumerate(report.agents)}
    iqm = {row.agent: row.estimate for row in report.aggregates if row.metric == "iqm"}
    better, order = claims(report), _by_probability(report)
    order.sort(key=lambda name: -iqm[name].value if name in iqm else math.inf)
    pairs = {(pair.x, pair.y): pair for pair in report.pairs}
    sections = [
        ("scores", "Scores", report.aggregates),
        ("curves", "Learning curves", report.curves),
        ("profile", "Performance profile", report.profiles),
        ("pairs", "Pairs", report.pairs),
        ("stopped", "When seeds stopped", report.decisions),
        ("results", "Per environment", report.results),
        ("threshold", "Time to threshold", report.times_to_threshold),
        ("published", "Published numbers", report.published),
        ("cost", "Speed and cost", report.costs),
        ("settings", "Settings", report.agents),
        ("runs", "Runs", report.runs),
        ("again", "How to repeat it", (True,)),
    ]
    return render_page(
        "report.html",
        report=report,
        sections=sections,
        verdict=verdict(_by_probability(report), lambda a, b: (a, b) in better) if report.pairs else "",
        facts=_facts(report),
        order=order,
        colors=colors,
        names=list(colors),
        metrics={name: title for name, title in _METRICS.items() if any(row.metric == name for row in report.aggregates)},
        aggregates={(row.agent, row.metric): row for row in report.aggregates},
        scale=axes.row_scale([*((e.low, e.value, e.high) for e in iqm.values()), (0.0, 1.0)]),
        curves=_curves(report, colors),
        profile=_profile(report, colors),
        probability=lambda x, y: _probability(pairs, x, y, better),
        sequential=governing(report),
        remarks=_remarks,
        failed=[run for run in report.runs if run.status not in ("finished", "unfinished")],
    )


def _facts(report: Report) -> str:
    num_runs = sum(agent.num_runs for agent in report.agents)
    parts = [count(len(report.agents), "agent"), count(len(report.envs), "environment"), count(num_runs, "run")]
    if steps := report.budget.get("env_steps"):
        parts.append(f"at most {steps:,} env steps each")
    failed, unfinished = (sum(getattr(agent, name) for agent in report.agents) for name in ("num_failed", "num_unfinished"))
    parts += [f"{failed} failed"] if failed else []
    parts += [f"{unfinished} not finished"] if unfinished else []
    return f"{', '.join(parts)}. Intervals hold {percent(report.confidence)} of the time and include the spread over training seeds."


def _by_probability(report: Report) -> list[str]:
    """Returns the agents by their mean probability of improvement over the others, best first."""
    found: dict[str, list[float]] = {agent.name: [] for agent in report.agents}
    for pair in report.pairs:
        found[pair.x].append(pair.probability.value)
        found[pair.y].append(1 - pair.probability.value)
    return sorted(found, key=lambda name: -statistics.fmean(found[name] or [0.0]))


def _remarks(estimates: Iterable[Estimate | None]) -> list[str]:
    """Returns what to know of intervals that are marked with a star, each remark once."""
    return list(dict.fromkeys(e.note for e in estimates if e is not None and e.note and e.low is not None))


def _probability(pairs: Mapping[tuple[str, str], Any], x: str, y: str, better: set[tuple[str, str]]) -> dict[str, Any] | None:
    """Returns what the matrix shows of x against y, whichever of them the report names first."""
    if (x, y) in pairs:
        pair = pairs[x, y]
        value, low, high = pair.probability.value, pair.probability.low, pair.probability.high
    elif (y, x) in pairs:
        pair = pairs[y, x]
        value = 1 - pair.probability.value
        low, high = (None if bound is None else 1 - bound for bound in (pair.probability.high, pair.probability.low))
    else:
        return None
    return {"value": value, "low": low, "high": high, "p": pair.p_value_holm, "decided": (x, y) in better or (y, x) in better}


def _curves(report: Report, colors: Mapping[str, int]) -> list[tuple[str, list[Figure]]]:
    groups: list[tuple[str | None, str]] = [(None, "All environments: mean score")]
    groups += [(env.name, env.name) for env in report.envs]
    found = []
    for env, title in groups:
        y_label = "score" if env is None else "return"
        figures = []
        for axis, caption, x_label in _AXES:
            curves = [curve for curve in report.curves if curve.env == env and curve.axis == axis]
            if curves:
                figures.append(_figure(curves, colors, caption, x_label, y_label))
        if figures:
            found.append((title, figures))
    return found


def _figure(curves: Sequence[Curve], colors: Mapping[str, int], caption: str, x_label: str, y_label: str) -> Figure:
    lines = tuple(
        charts.ChartLine(label=curve.agent, color=colors[curve.agent], x=curve.x, y=curve.values, low=curve.low, high=curve.high)
        for curve in curves
    )
    ends = listed([f"{curve.agent} {number(curve.values[-1])}" for curve in curves])
    description = f"{y_label} over {x_label}; at the end: {ends}. The table below has the numbers."
    # A grid that does not begin at zero is spaced by factors.
    log_x = curves[0].x[0] > 0 and curves[0].x[-1] > 30 * curves[0].x[0] and x_label != "env steps"
    return Figure(caption, charts.line_chart(lines, x_label=x_label, y_label=y_label, description=description, log_x=log_x), x_label, lines)


def _profile(report: Report, colors: Mapping[str, int]) -> Figure | None:
    if not report.profiles:
        return None
    lines = tuple(
        charts.ChartLine(label=row.agent, color=colors[row.agent], x=row.thresholds, y=row.fractions, low=row.low, high=row.high)
        for row in report.profiles
    )
    description = "Fraction of runs that score above each threshold. The table below has the numbers."
    chart = charts.line_chart(lines, x_label="score τ", y_label="fraction of runs above τ", description=description, y_limits=(0.0, 1.02))
    return Figure("Fraction of runs that score above τ; higher is better.", chart, "score τ", lines)
