"""Values as people read them, on pages and on the terminal: numbers, durations, counts, intervals, settings and lists of words."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

MISSING = "\N{EN DASH}"
"""Text for a number that does not exist."""

_UNITS = ((86_400.0, "days"), (3_600.0, "h"), (60.0, "min"))


def number(value: float | None, digits: int = 3) -> str:
    """Returns `value` with `digits` significant digits, thousands separated, without an exponent below ten million."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if not -4 <= size < 7:
        return f"{value:.{digits - 1}e}"
    return _minus(f"{value:,.{max(0, digits - 1 - size)}f}")


def fixed(value: float | None, decimals: int = 0) -> str:
    """Returns `value` with `decimals` decimals, thousands separated."""
    return MISSING if value is None or not math.isfinite(value) else _minus(f"{value:z,.{decimals}f}")


def return_decimals(*values: float | None) -> int:
    """Returns the decimals with which returns of one scale are shown: two digits of the largest, and at least one decimal."""
    largest = max((abs(value) for value in values if value is not None and math.isfinite(value)), default=0.0)
    if not 0.0 < largest < 1.0:
        return 1
    return min(6, 1 - math.floor(math.log10(largest)))


def shown_return(value: float | None, *others: float | None) -> str:
    """Returns a return, or a mean of returns, with the decimals that its scale needs: `499.8`, `0.68`, `0.014`.

    Args:
        value: the return.
        others: further returns that are shown beside it, with as many decimals.
    """
    return fixed(value, return_decimals(value, *others)).replace("\N{MINUS SIGN}", "-")


def shown_score(mean: float | None, std: float | None, *, num_cut: int = 0, num_episodes: int = 0) -> str:
    """Returns the score of a run: `0.68 ± 0.47`, where ± is the standard deviation over episodes, and how many of these were cut.

    Args:
        mean: mean return.
        std: standard deviation of the return over episodes.
        num_cut: number of episodes cut at the evaluation's limit.
        num_episodes: number of episodes.
    """
    spread = "" if std is None else f" \N{PLUS-MINUS SIGN} {shown_return(std, mean)}"
    cut = f" ({num_cut} of {num_episodes} cut)" if num_cut else ""
    return f"{shown_return(mean, std)}{spread}{cut}"


def one_line(error: Exception | str) -> str:
    """Returns an error's message on one line of bounded length."""
    return " ".join(str(error).split())[:200]


def percent(value: float | None) -> str:
    """Returns a fraction as percent without decimals; with one decimal where a whole number would wrongly read as 0% or 100%."""
    if value is None or not math.isfinite(value):
        return MISSING
    rounded = round(100 * value)
    return f"{100 * value:.1f}%" if rounded in (0, 100) and value not in (0.0, 1.0) else f"{rounded}%"


def duration(seconds: float | None) -> str:
    """Returns a length of time: `48 s`, `3.2 min`, `1.5 h`, `2.0 days`."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{number(seconds, 2)} s"


def clock_time(seconds: float) -> str:
    """Returns a length of time that keeps its width while it counts down: `1:15`, `1:01:40`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def interval(bounds: Sequence[float | None] | None, decimals: int = 0) -> str:
    """Returns `low to high`, in words, because a dash between negative numbers misleads."""
    if bounds is None or any(bound is None or not math.isfinite(bound) for bound in bounds):
        return MISSING
    low, high = bounds
    return f"{fixed(low, decimals)} to {fixed(high, decimals)}"


def ranks(bounds: tuple[int, int] | None) -> str:
    """Returns one rank, `3`, or a range of ranks, `2–4`."""
    if bounds is None:
        return MISSING
    low, high = bounds
    return str(low) if low == high else f"{low}\N{EN DASH}{high}"


def plain(value: Any) -> str:
    """Returns the value of a setting as text: integers with their thousands separated, lists with commas."""
    if isinstance(value, Mapping):
        return settings(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(f"[{plain(item)}]" if isinstance(item, (list, tuple)) else plain(item) for item in value) or "none"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def settings(table: Mapping[str, Any]) -> str:
    """Returns settings as `name value, name value`, without those that are None."""
    return ", ".join(f"{str(key).replace('_', ' ')} {plain(value)}" for key, value in table.items() if value is not None) or "none"


def count(number: int, noun: str) -> str:
    """Returns a number of things: `1 seed`, `5 seeds`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(words: Sequence[str], last: str = "and", *, comma: str = ", ") -> str:
    """Returns words as a list in a sentence, `a, b and c`; at least one is needed."""
    return words[0] if len(words) == 1 else f"{comma.join(words[:-1])} {last} {words[-1]}"


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")
