"""Markdown pages whose tables stand between two marks: a benchmark writes those anew, and the text around them stays."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.formats.json import write_bytes

CHART_STYLE: Any = {"svg.hashsalt": "arena", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
"""Matplotlib's settings for every chart; the salt makes the same figures the same file."""


class MarkedPage:
    """A page with the lines `<!-- NAME: begin -->` and `<!-- NAME: end -->`.

    Args:
        path: file of the page; where there is none yet, the page will hold its title and the tables.
        name: name in the marks.
        title: title of a new page.

    Raises:
        ArenaError: if the page cannot be read, or lacks the marks.
    """

    def __init__(self, path: Path, name: str, title: str) -> None:
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        try:
            text = path.read_text(encoding="utf-8") if path.exists() else f"# {title}\n\n{begin}\n{end}\n"
        except (OSError, ValueError) as error:
            raise ArenaError(f"cannot read {path}: {error}") from error
        before, found_begin, rest = text.partition(begin)
        _, found_end, after = rest.partition(end)
        if not (found_begin and found_end):
            raise ArenaError(f"{path} lacks the lines {begin!r} and {end!r}, between which the tables go")
        self.path = path
        self.chart = path.with_suffix(".svg")
        """File of the page's chart."""
        self._before, self._after = before + begin, end + after

    def write(self, tables: str) -> None:
        """Puts `tables` between the marks."""
        write_bytes(self.path, f"{self._before}\n\n{tables.strip()}\n\n{self._after}".encode())


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Returns a Markdown table; a `|` inside a cell becomes `/`."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', '/') for cell in line)} |" for line in lines)


def measured_on(circumstances: Sequence[Mapping[str, Any]], how: str) -> str:
    """Returns a sentence on when, where and how something was measured, from the `measured_circumstances` of each time."""
    machines = dict.fromkeys(f"{each['machine']['cpu']}, {each['machine']['cores_available']} cores" for each in circumstances)
    days = sorted({each["time"] for each in circumstances})
    rounds = sorted({each["rounds"] for each in circumstances})
    commits = dict.fromkeys(_commit(each["git"]) for each in circumstances if each["git"])
    versions = {name: version for each in circumstances for name, version in each["versions"].items() if version}
    return (
        f"Measured on {' to '.join(dict.fromkeys((days[0], days[-1])))} on {'; '.join(machines)}; "
        f"commit {', '.join(commits) or 'unknown'}; {' or '.join(map(str, rounds))} rounds, {how}. "
        f"Versions: {', '.join(f'{name} {version}' for name, version in versions.items())}."
    )


def _commit(git: Mapping[str, Any]) -> str:
    return str(git["commit"])[:9] + (" with changes" if git.get("dirty") else "")
