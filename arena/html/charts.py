"""Line charts as plain data for the templates, which draw them as inline SVG in the page's own colours, light, dark and in print.

A plot library writes its colours and fonts into every path. This module only computes positions; the style sheet does the rest.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

from arena.formats.readable import number
from arena.html.axes import AxisScale, padded, widened
from arena.html.line_styles import LineStyle

WIDTH, HEIGHT = 420, 264
"""Size of a chart in units of its SVG."""
LEFT, RIGHT, TOP, BOTTOM = 58, 20, 10, 38
"""Margins around a chart's lines, in which its labels stand."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChartLine:
    """A line of a chart with its interval. Points without a value (None or not finite) are left out."""

    label: str
    """Name of what the line shows."""
    style: LineStyle
    """Colour and dashes of the agent, which are the same in every chart."""
    x: Sequence[float]
    """`[P]`, positions along the horizontal axis."""
    y: Sequence[float | None]
    """`[P]`, values."""
    low: Sequence[float | None] | None = None
    """`[P]`, lower ends of the intervals; None if there are none."""
    high: Sequence[float | None] | None = None
    """`[P]`, upper ends of the intervals; None if there are none."""


@dataclasses.dataclass(frozen=True)
class LineChart:
    """A chart of lines with bands, as the template `charts.html` draws it."""

    lines: tuple["DrawnLine", ...]
    """Lines that have at least one point."""
    x: AxisScale
    """Horizontal axis."""
    y: AxisScale
    """Vertical axis."""
    x_label: str
    """Title of the horizontal axis, with its unit."""
    y_label: str
    """Title of the vertical axis, with its unit."""
    description: str
    """Text for people who do not see the chart."""

    def points(self) -> list[tuple[str, str, list["ShownPoint"]]]:
        """Returns name, classes and points of each line, as `page.js` reads them."""
        return [(line.label, line.style.classes, list(line.points)) for line in self.lines]


class ShownPoint(NamedTuple):
    """A point of a line in words."""

    x: float
    """Position along the horizontal axis, in units of the SVG."""
    y: float
    """Position along the vertical axis."""
    where: str
    """Value on the horizontal axis."""
    value: str
    """Value on the vertical axis, with its interval if there is one."""


@dataclasses.dataclass(frozen=True)
class DrawnLine:
    """A line as SVG: the attribute values of one `path` and one `polygon`."""

    label: str
    """Name of what the line shows."""
    style: LineStyle
    """Colour and dashes of the line."""
    path: str
    """Attribute `d` of the line."""
    band: str
    """Attribute `points` of the band between the interval's ends; empty if there is none."""
    points: tuple["ShownPoint", ...]
    """Points of the line, for a reader who points at the chart."""


def line_chart(
    lines: Sequence[ChartLine],
    *,
    x_label: str,
    y_label: str,
    description: str,
    log_x: bool = False,
    y_limits: tuple[float, float] | None = None,
) -> LineChart | None:
    """Lays out lines over shared axes; returns None if no line has a point.

    Args:
        lines: the lines, in the order of their drawing.
        x_label: title of the horizontal axis, with its unit.
        y_label: title of the vertical axis, with its unit.
        description: text for people who do not see the chart.
        log_x: whether the horizontal axis is logarithmic; points at zero or below are then left out.
        y_limits: ends of the vertical axis; by default what the lines and their intervals need.
    """
    points = [[p for p in _points(line) if p[0] > 0 or not log_x] for line in lines]
    every = [point for found in points for point in found]
    if not every:
        return None
    x_low, x_high = widened(min(p[0] for p in every), max(p[0] for p in every), log=log_x)
    y_low, y_high = y_limits or padded(min(min(p[1:]) for p in every), max(max(p[1:]) for p in every))
    x = AxisScale(x_low, x_high, LEFT, WIDTH - RIGHT, log_x)
    y = AxisScale(y_low, y_high, HEIGHT - BOTTOM, TOP)
    drawn = [
        DrawnLine(
            label=line.label,
            style=line.style,
            path="M" + " ".join(f"{x(px)},{y(value)}" for px, value, _, _ in found),
            band=_band(found, x, y),
            points=tuple(ShownPoint(x(px), y(value), number(px), _words(value, low, high)) for px, value, low, high in found),
        )
        for line, found in zip(lines, points, strict=True)
        if found
    ]
    return LineChart(tuple(drawn), x, y, x_label, y_label, description)


def is_number(value: float | None) -> bool:
    """Returns whether there is a value to draw."""
    return value is not None and math.isfinite(value)


def _points(line: ChartLine) -> list[tuple[float, float, float, float]]:
    lows, highs = line.low or [None] * len(line.x), line.high or [None] * len(line.x)
    points = []
    for x, y, low, high in zip(line.x, line.y, lows, highs, strict=True):
        if y is None or not is_number(x) or not is_number(y):
            continue
        if low is None or high is None or not is_number(low) or not is_number(high):
            low, high = y, y
        points.append((float(x), float(y), float(low), float(high)))
    return points


def _words(value: float, low: float, high: float) -> str:
    return number(value) if low == high else f"{number(value)} [{number(low)}, {number(high)}]"


def _band(points: list[tuple[float, float, float, float]], x: AxisScale, y: AxisScale) -> str:
    if all(low == high for _, _, low, high in points):
        return ""
    upper = [f"{x(px)},{y(high)}" for px, _, _, high in points]
    lower = [f"{x(px)},{y(low)}" for px, _, low, _ in reversed(points)]
    return " ".join(upper + lower)
