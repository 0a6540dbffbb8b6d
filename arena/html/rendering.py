"""Rendering of pages: a template and its data become one file that opens offline and for years.

Nothing is fetched: style and script are inlined, charts are inline SVG, images are data URIs. Text from run folders (names of
agents, error messages) is escaped by Jinja.
"""

import base64
import functools
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from arena.formats import readable
from arena.html import charts
from arena.html.line_styles import style_sheet
from arena.statistics.estimate import remarks

TEMPLATES = Path(__file__).parent / "templates"
"""Folder of the templates, the style sheet and the script."""

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
"""Scripts of a page; data in scripts of another type do not run."""
_SOURCES = "script-src SCRIPTS"
"""Part of the policy in `base.html` that takes the hashes of the scripts."""

_FILTERS = (
    readable.number,
    readable.fixed,
    readable.percent,
    readable.duration,
    readable.interval,
    readable.ranks,
    readable.plain,
    readable.settings,
)


def render(template: str, *, sections: Iterable[tuple[str, str, Any]], folder: Path = TEMPLATES, **context: Any) -> str:
    """Returns the HTML of a page.

    Args:
        template: name of a file in `templates/`.
        sections: id, title and content of each section, in their order; those with empty content are left out of the list of contents.
        folder: folder of the templates.
        context: values that the template names; a name that it asks for and does not get is an error.
    """
    contents = [(id_, title) for id_, title, content in sections if content]
    return _with_hashes(_environment(folder).get_template(template).render(sections=contents, **context))


def _with_hashes(html: str) -> str:
    """Returns a page whose policy lets its own scripts run, each by its hash, and no other."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in _SCRIPT.findall(html)]
    sources = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return html.replace(_SOURCES, f"script-src {sources}", 1)


@functools.cache
def _environment(folder: Path) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {function.__name__: function for function in _FILTERS}
    environment.filters["breakable"] = _breakable
    environment.globals |= {
        "asset": lambda name: _asset(folder / name),
        "line_styles": lambda: Markup(style_sheet()),  # colours of ours, not data
        "charts": charts,
        "zip": zip,
        "return_decimals": readable.return_decimals,
        "remarks": remarks,
    }
    return environment


def _asset(path: Path) -> Markup:
    return Markup(path.read_text(encoding="utf-8"))  # our own file, not data


def _breakable(text: str) -> Markup:
    """Returns `text` with places to break a long name after `-`, `,`, `/` and `=`."""
    escaped = str(Markup.escape(text))
    for mark in "-,/=":
        escaped = escaped.replace(mark, f"{mark}<wbr>")
    return Markup(escaped)
