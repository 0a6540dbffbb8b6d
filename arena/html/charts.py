"""Charts as plain data for the templates: inline SVG that follows the page's colours, in light and dark and in print.

A plot library writes its colours and fonts into every path; here the templates draw, with the page's own style sheet, and this
module only computes where things go.
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence

NUM_COLORS = 8
"""Colours of the style sheet, after Okabe and Ito (2008), told apart by people who see few colours; then they repeat, thinner."""

WIDTH, HEIGHT = 420, 264
LEFT, RIGHT, TOP, BOTTOM = 58, 20, 10, 38


@dataclasses.dataclass(frozen=True, kw_only=True)
class Curve:
    """One line with its interval. Points without a value (None or not finite) are left out."""

    label: str
    color: int
    """Number of the agent: it has the same colour in every chart of a page."""
    x: Sequence[float]
    """`[P]`"""
    y: Sequence[float | None]
    """`[P]`"""
    low: Sequence[float | None] | None = None
    """`[P]`, lower end of the interval; None where there is none."""
    high: Sequence[float | None] | None = None
    """`[P]`"""


@dataclasses.dataclass(frozen=True)
class Scale:
    """Maps values to positions along one axis, linearly or by logarithm; values beyond its ends are held at the ends."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Returns the position of `value`, to a tenth of a unit."""
        low, high = self._warp(self.low), self._warp(self.high)
        fraction = (self._warp(min(max(value, self.low), self.high)) - low) / (high - low)
        return round(self.start + fraction * (self.end - self.start), 1)

    def ticks(self, about: int = 5) -> list[float]:
        """Returns round values within the scale, some `about` many."""
        return _log_ticks(self.low, self.high) if self.log else _linear_ticks(self.low, self.high, about)

    def labelled_ticks(self, about: int = 5) -> list[tuple[float, str]]:
        """Returns the position and label of each tick."""
        ticks = self.ticks(about)
        largest = max((abs(tick) for tick in ticks), default=0.0)
        return [(self(tick), tick_label(tick, largest)) for tick in ticks]

    def _warp(self, value: float) -> float:
        return math.log10(value) if self.log else value


@dataclasses.dataclass(frozen=True)
class LineChart:
    """What the template `charts.html` draws as lines with bands."""

    curves: tuple["DrawnCurve", ...]
    x: Scale
    y: Scale
    x_label: str
    y_label: str
    description: str
    """For people who do not see the chart."""


@dataclasses.dataclass(frozen=True)
class DrawnCurve:
    """A curve as SVG: attribute values of one `path` and one `polygon`."""

    label: str
    color: int
    thin: bool
    path: str
    band: str


def line_chart(
    curves: Sequence[Curve],
    *,
    x_label: str,
    y_label: str,
    description: str,
    log_x: bool = False,
    y_limits: tuple[float, float] | None = None,
) -> LineChart | None:
    """Lays out curves over shared axes; None where no curve has a point.

    Args:
        curves: in the order of their drawing.
        x_label: with its unit.
        y_label: with its unit.
        description: text alternative.
        log_x: logarithmic; points at zero or below are left out.
        y_limits: of the axis; by default what the curves and their intervals need.
    """
    points = [[p for p in _points(curve) if p[0] > 0 or not log_x] for curve in curves]
    every = [point for line in points for point in line]
    if not every:
        return None
    x_low, x_high = _widen(min(p[0] for p in every), max(p[0] for p in every), log=log_x)
    y_low, y_high = y_limits or _pad(min(min(p[1:]) for p in every), max(max(p[1:]) for p in every))
    x = Scale(x_low, x_high, LEFT, WIDTH - RIGHT, log_x)
    y = Scale(y_low, y_high, HEIGHT - BOTTOM, TOP)
    drawn = [
        DrawnCurve(
            label=curve.label,
            color=curve.color % NUM_COLORS,
            thin=curve.color >= NUM_COLORS,
            path="M" + " ".join(f"{x(px)},{y(value)}" for px, value, _, _ in line),
            band=_band(line, x, y),
        )
        for curve, line in zip(curves, points, strict=True)
        if line
    ]
    return LineChart(tuple(drawn), x, y, x_label, y_label, description)


def row_scale(intervals: Iterable[Sequence[float | None] | float | None], *, start: float = 6, end: float = 194) -> Scale | None:
    """Returns the shared scale of a forest plot whose rows are cells of a table; None where nothing is finite."""
    flat = [value for item in intervals for value in (item if isinstance(item, Sequence) else [item])]
    finite = [value for value in flat if value is not None and is_number(value)]
    return Scale(*_pad(min(finite), max(finite)), start, end) if finite else None


def tick_label(value: float, largest: float) -> str:
    """Returns a short label, in the unit that suits the largest on its axis: `0.25`, `−500`, `5k` beside `20k`, `1.5M`."""
    size, unit = next(((size, unit) for size, unit in ((1e6, "M"), (1e3, "k")) if largest >= max(size, 1e4)), (1.0, ""))
    return f"{value / size:g}{unit if value else ''}".replace("-", "\N{MINUS SIGN}")


def _points(curve: Curve) -> list[tuple[float, float, float, float]]:
    lows, highs = curve.low or [None] * len(curve.x), curve.high or [None] * len(curve.x)
    points = []
    for x, y, low, high in zip(curve.x, curve.y, lows, highs, strict=True):
        if is_number(x) and y is not None and is_number(y):
            has_interval = low is not None and high is not None and is_number(low) and is_number(high)
            points.append((float(x), float(y), *((float(low), float(high)) if has_interval else (float(y), float(y)))))  # type: ignore[arg-type]
    return points


def _band(line: list[tuple[float, float, float, float]], x: Scale, y: Scale) -> str:
    if all(low == high for _, _, low, high in line):
        return ""
    upper = [f"{x(px)},{y(high)}" for px, _, _, high in line]
    lower = [f"{x(px)},{y(low)}" for px, _, low, _ in reversed(line)]
    return " ".join(upper + lower)


def is_number(value: float | None) -> bool:
    """Returns whether there is a value to draw."""
    return value is not None and math.isfinite(value)


def _pad(low: float, high: float) -> tuple[float, float]:
    low, high = _widen(low, high, log=False)
    margin = 0.04 * (high - low)
    return low - margin, high + margin


def _widen(low: float, high: float, *, log: bool) -> tuple[float, float]:
    if low < high:
        return low, high
    return (low / 2, high * 2) if log else (low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2)


def _linear_ticks(low: float, high: float, about: int) -> list[float]:
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(powers) <= 3 else (1,)
    return [tick for power in powers for factor in factors if low <= (tick := factor * 10.0**power) <= high]
