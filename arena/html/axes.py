"""Axes of charts: where a value stands, and which round values are labelled."""

import dataclasses
import math
from collections.abc import Iterable, Sequence


@dataclasses.dataclass(frozen=True)
class AxisScale:
    """Scale that maps values to positions along one axis; values beyond its ends are held at the ends."""

    low: float
    """Smallest value on the axis."""
    high: float
    """Largest value on the axis."""
    start: float
    """Position of `low`."""
    end: float
    """Position of `high`."""
    log: bool = False
    """Whether equal distances are equal ratios."""

    def __call__(self, value: float) -> float:
        """Returns the position of `value`, to a tenth of a unit."""
        low, high = self._warp(self.low), self._warp(self.high)
        fraction = (self._warp(min(max(value, self.low), self.high)) - low) / (high - low)
        return round(self.start + fraction * (self.end - self.start), 1)

    def ticks(self, about: int = 5) -> list[float]:
        """Returns about as many round values on the axis."""
        return _log_ticks(self.low, self.high) if self.log else _linear_ticks(self.low, self.high, about)

    def labelled_ticks(self, about: int = 5) -> list[tuple[float, str]]:
        """Returns the position and label of each tick."""
        ticks = self.ticks(about)
        largest = max((abs(tick) for tick in ticks), default=0.0)
        return [(self(tick), tick_label(tick, largest)) for tick in ticks]

    def _warp(self, value: float) -> float:
        return math.log10(value) if self.log else value


def row_scale(intervals: Iterable[Sequence[float | None] | float | None], *, start: float = 6, end: float = 194) -> AxisScale | None:
    """Returns the shared scale of a forest plot whose rows are cells of a table; None if no value is finite."""
    flat = [value for item in intervals for value in (item if isinstance(item, Sequence) else [item])]
    finite = [value for value in flat if value is not None and math.isfinite(value)]
    return AxisScale(*padded(min(finite), max(finite)), start, end) if finite else None


def tick_label(value: float, largest: float) -> str:
    """Returns a short label, in the unit that suits the largest tick of the axis: `0.25`, `−500`, `5k` beside `20k`, `1.5M`."""
    size, unit = next(((size, unit) for size, unit in ((1e6, "M"), (1e3, "k")) if largest >= max(size, 1e4)), (1.0, ""))
    return f"{value / size:g}{unit if value else ''}".replace("-", "\N{MINUS SIGN}")


def padded(low: float, high: float) -> tuple[float, float]:
    """Returns the ends of a linear axis for values from `low` to `high`, with a small margin."""
    low, high = widened(low, high, log=False)
    margin = 0.04 * (high - low)
    return low - margin, high + margin


def widened(low: float, high: float, *, log: bool) -> tuple[float, float]:
    """Returns `low` and `high`, moved apart if they are equal, so that an axis can be drawn."""
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
