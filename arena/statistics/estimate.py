"""Numbers with their intervals, as every room passes them on."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its interval over training seeds, or the reason why it has none."""

    value: float
    low: float | None = None
    """Lower end; None where no interval is given."""
    high: float | None = None
    """Upper end; None exactly where `low` is."""
    num_seeds: int
    """Training seeds behind it; the fewest of any environment where several are pooled."""
    note: str = ""
    """Why there is no interval, or what to know of it; empty where it is as good as its coverage was measured to be."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Interval:
    """A number with the bounds of its 95% interval; None, both, where the data support no interval."""

    value: float
    low: float | None
    high: float | None
