"""The one type for a number with its interval: reports and tournaments pass it on, and JSON files hold its fields."""

import dataclasses
from collections.abc import Iterable

import numpy as np

Bounds = tuple[float, float]
"""Smallest and largest possible value."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its interval, or the reason for having none."""

    value: float
    low: float | None = None
    """Lower end of the interval; None without an interval."""
    high: float | None = None
    """Upper end of the interval; None exactly if `low` is None."""
    num_seeds: int
    """Training seeds behind the number; if several environments or agents are pooled, the smallest number of any of them."""
    note: str = ""
    """Reason for the missing interval, or a remark on how often the interval holds; empty if its measured coverage is as stated."""

    def clipped(self, bounds: Bounds) -> "Estimate":
        """Returns the same estimate with its interval cut off at the smallest and largest possible value."""
        low, high = (None if end is None else float(np.clip(end, *bounds)) for end in (self.low, self.high))
        return dataclasses.replace(self, low=low, high=high)


def remarks(estimates: Iterable[Estimate | None]) -> list[str]:
    """Returns the remarks on intervals that a table marks with a star, each once; reasons for missing intervals are not among them."""
    return list(dict.fromkeys(each.note for each in estimates if each is not None and each.note and each.low is not None))
