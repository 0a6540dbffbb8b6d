"""The figures of a report as files for papers: vector or pixels, one file a figure, from the numbers that the page shows.

Importing this module needs matplotlib (the extra `figures`).
"""

import math
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from arena.errors import ArenaError
from arena.formats.folders import Folder
from arena.html.charts import ChartLine
from arena.html.line_styles import LineStyle
from arena.report.document import ExperimentReport
from arena.report.page_figures import Figure, curve_figures, profile_figure, report_styles

Format = Literal["pdf", "svg", "png"]
FORMATS: tuple[str, ...] = get_args(Format)
"""File formats of figures."""
STYLE: dict[Any, Any] = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 8,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # whole fonts, as conferences ask for, and no outlines
    "svg.fonttype": "none",
    "svg.hashsalt": "arena",  # equal numbers give equal files
    "savefig.bbox": "tight",
    "savefig.dpi": 300,
}
"""Settings of matplotlib."""
WIDTH, HEIGHT = 3.25, 2.3
"""Size of a figure in inches: one column of a paper."""


class NamedCanvas(NamedTuple):
    """A drawn figure and the name of its file."""

    name: str
    canvas: Canvas


def write_figures(report: ExperimentReport, folder: Path, formats: Collection[str], *, serif: bool = False) -> list[str]:
    """Writes each figure of a report in each format, and returns the names of the files.

    Args:
        report: the report.
        folder: folder for the files; it is made if there is none.
        formats: members of `FORMATS`.
        serif: whether text is set in a serif font.

    Raises:
        ArenaError: if a format is unknown, or the folder cannot be written to.
    """
    check_formats(formats)
    target, names = Folder(folder), []
    try:
        target.make()
        with mpl.rc_context(), target.private() as private:
            mpl.rcParams.update(STYLE)
            mpl.rcParams["font.family"] = "serif" if serif else "sans-serif"
            for name, canvas in figures(report):
                for form in formats:
                    file = f"{name}.{form}"
                    canvas.savefig(folder / private / file, format=form, metadata=_no_date(form))
                    target.move(f"{private}/{file}", file)
                    names.append(file)
    except OSError as error:
        raise ArenaError(f"cannot write figures into {folder}: {error.strerror}; give another --output") from error
    return names


def check_formats(formats: Collection[str]) -> None:
    """Refuses a format that there is not.

    Raises:
        ArenaError: names it, and those that there are.
    """
    if unknown := sorted(set(formats) - set(FORMATS)):
        raise ArenaError(f"--figures {','.join(unknown)}: there are {', '.join(FORMATS)}")


def figures(report: ExperimentReport) -> Iterator[NamedCanvas]:
    """Yields the figures of a report: learning curves, the performance profile, scores, and pairs of agents."""
    styles = report_styles(report)
    for title, group in curve_figures(report, styles):
        for figure in group:
            if figure.chart is not None:
                where = "all" if title.startswith("All environments") else _file_name(title)
                axis = "env-steps" if figure.x_label == "env steps" else "seconds"
                yield NamedCanvas(f"curves-{where}-{axis}", _lines(figure, title=title))
    profile = profile_figure(report, styles)
    if profile is not None and profile.chart is not None:
        yield NamedCanvas("profile", _lines(profile))
    iqm = [(row.agent, row.estimate) for row in report.aggregates if row.metric == "iqm"]
    if iqm:
        bars = [(agent, styles[agent], each.value, each.low, each.high) for agent, each in iqm]
        yield NamedCanvas("scores", _intervals(bars, "score (IQM)"))
    if report.pairs:
        bars = [(f"{p.x} > {p.y}", styles[p.x], p.probability.value, p.probability.low, p.probability.high) for p in report.pairs]
        yield NamedCanvas("pairs", _intervals(bars, "probability that a run of the first returns more", limits=(0.0, 1.0)))


def _lines(figure: Figure, title: str = "") -> Canvas:
    canvas = Canvas(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = canvas.subplots()
    assert figure.chart is not None
    for line in figure.curves:
        _line(axes, line)
    axes.set(xlabel=figure.x_label, ylabel=figure.chart.y_label, title=title, ylim=(figure.chart.y.low, figure.chart.y.high))
    if figure.chart.x.log:
        axes.set_xscale("log")
    canvas.legend(loc="outside lower center", ncols=2)
    return canvas


def _line(axes: Axes, line: ChartLine) -> None:
    width, color = 0.7 if line.style.is_thin else 1.2, line.style.color
    axes.plot(line.x, _numbers(line.y), color=color, linestyle=line.style.strokes, linewidth=width, label=line.label)
    if line.low is not None and line.high is not None:
        axes.fill_between(line.x, _numbers(line.low), _numbers(line.high), color=color, alpha=0.15, linewidth=0)


def _intervals(
    bars: Sequence[tuple[str, LineStyle, float, float | None, float | None]], label: str, limits: tuple[float, float] | None = None
) -> Canvas:
    """Draws values with their intervals, one row each.

    Args:
        bars: name, style, value, and the interval's ends or None.
        label: label of the axis.
        limits: ends of the axis, in whose middle a line stands; None lets the values decide, without a line.
    """
    canvas = Canvas(figsize=(WIDTH, 0.6 + 0.22 * len(bars)), layout="constrained")
    axes = canvas.subplots()
    if limits is not None:
        axes.axvline(sum(limits) / 2, color="0.7", linewidth=0.8)
        axes.set_xlim(limits)
    for row, (_, style, value, low, high) in enumerate(bars):
        color = style.color
        if low is not None and high is not None:
            axes.plot([low, high], [row, row], color=color, linewidth=2)
        axes.plot([value], [row], marker="o", markersize=4, color=color)
    axes.set_yticks(range(len(bars)), [name for name, *_ in bars])
    axes.set(xlabel=label, ylim=(len(bars) - 0.5, -0.5))
    return canvas


def _numbers(values: Sequence[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


def _no_date(form: str) -> dict[str, None]:
    return {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(form, {})


def _file_name(title: str) -> str:
    return re.sub(r"[^\w.+=,-]", "-", title)
