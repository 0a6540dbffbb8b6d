"""One page: a template, its data, and everything that it needs inside the file, so that it opens offline and for years.

Nothing is fetched: style and script are inlined, charts are inline SVG, images are data URIs. Text from run folders (names of
agents, error messages) is escaped by Jinja.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from arena.errors import ArenaError
from arena.formats.json import write_bytes
from arena.html import charts

TEMPLATES = Path(__file__).parent / "templates"
MISSING = "\N{EN DASH}"
"""What stands for a number that does not exist."""

_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def render(template: str, **context: Any) -> str:
    """Returns the HTML of `template` (a file in `templates/`); a name that the template asks for and does not get is an error."""
    return _environment().get_template(template).render(**context)


def write_page(path: Path, html: str) -> None:
    """Writes a page atomically; makes its folder where there is none.

    Raises:
        ArenaError: if it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, html.encode())
    except OSError as error:
        raise ArenaError(f"cannot write {path}: {error.strerror}") from error


def number(value: float | None, digits: int = 3) -> str:
    """Returns `value` with `digits` significant digits, thousands separated, no exponent below ten million."""
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


def percent(value: float | None) -> str:
    """Returns a fraction as percent without decimals; one decimal where a whole number would read as none or all of it."""
    if value is None or not math.isfinite(value):
        return MISSING
    rounded = round(100 * value)
    return f"{100 * value:.1f}%" if rounded in (0, 100) and value not in (0.0, 1.0) else f"{rounded}%"


def duration(seconds: float | None) -> str:
    """Returns seconds as people say them: `48 s`, `3.2 min`, `1.5 h`."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{number(seconds, 2)} s"


def interval(bounds: Sequence[float | None] | None, decimals: int = 0) -> str:
    """Returns `low to high`; words, because a dash between negative numbers misleads."""
    if bounds is None or any(bound is None or not math.isfinite(bound) for bound in bounds):
        return MISSING
    low, high = bounds
    return f"{fixed(low, decimals)} to {fixed(high, decimals)}"


def ranks(bounds: tuple[int, int] | None) -> str:
    """Returns ranks `3` or `2–4`."""
    if bounds is None:
        return MISSING
    low, high = bounds
    return str(low) if low == high else f"{low}\N{EN DASH}{high}"


def plain(value: Any) -> str:
    """Returns a setting as text: integers with their thousands separated, lists by commas."""
    if isinstance(value, Mapping):
        return settings(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(f"[{plain(item)}]" if isinstance(item, (list, tuple)) else plain(item) for item in value) or "none"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def settings(table: Mapping[str, Any]) -> str:
    """Returns settings as `name value, name value`, without those that are not set."""
    return ", ".join(f"{str(key).replace('_', ' ')} {plain(value)}" for key, value in table.items() if value is not None) or "none"


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "fixed": fixed,
        "percent": percent,
        "duration": duration,
        "interval": interval,
        "ranks": ranks,
        "plain": plain,
        "settings": settings,
        "breakable": _breakable,
    }
    environment.globals |= {"asset": _asset, "charts": charts, "zip": zip}
    return environment


def _asset(name: str) -> Markup:
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))  # our own file, not data


def _breakable(text: str) -> Markup:
    """Returns `text` with chances to break a long name after `-`, `,`, `/` and `=`."""
    escaped = str(Markup.escape(text))
    for mark in "-,/=":
        escaped = escaped.replace(mark, f"{mark}<wbr>")
    return Markup(escaped)
