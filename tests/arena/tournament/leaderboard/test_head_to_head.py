"""The committed page of a tournament, docs/head_to_head.html: what it claims is what its own tables say."""

import html.parser
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arena.environments.config import EnvConfig
from arena.environments.references import catalogue
from arena.html.verdicts import verdict

PAGE = Path(__file__).parents[4] / "docs" / "head_to_head.html"
SATURATED = 0.99
"""Share of the way from random play to the bound from which a run stands at the bound, as in reports."""


class Tables(html.parser.HTMLParser):
    """All tables of a page: rows of cells, each with its text and whether it is tinted; and the paragraphs and items of lists.

    Args:
        page: the HTML.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: list[list[list[tuple[str, bool]]]] = []
        self.texts: list[str] = []
        self._cell: list[str] | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append([])
        elif tag in ("td", "th", "p", "li"):
            self._cell, self._tinted = [], "--tone" in (dict(attrs).get("style") or "")

    def handle_endtag(self, tag: str) -> None:
        if self._cell is None or tag not in ("td", "th", "p", "li"):
            return
        text = " ".join("".join(self._cell).split())
        if tag in ("p", "li"):
            self.texts.append(text)
        elif self.tables and self.tables[-1]:
            self.tables[-1][-1].append((text, self._tinted))
        self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def table(self, *titles: str) -> list[list[tuple[str, bool]]]:
        """Returns the body of the first table with these columns."""
        return next(rows[1:] for rows in self.tables if rows and set(titles) <= {text for text, _ in rows[0]})


def faults(page: str) -> Iterator[str]:
    """Yields what the page claims and its tables do not say."""
    parsed = Tables(page)
    ranking = [[text for text, _ in row] for row in parsed.table("Rank", "Entrant", "Possible ranks") if row[0][0]]
    matrix = [row for row in parsed.table("against …", "Mean") if row]
    names = [row[1].split()[0] for row in ranking]
    ranks = {name: int(row[0].rstrip("=")) for name, row in zip(names, ranking, strict=True)}
    ranges = {name: tuple(int(end) for end in re.findall(r"\d+", row[5])) for name, row in zip(names, ranking, strict=True)}
    means = {row[0][0].split()[0]: number(row[-1][0]) for row in matrix}
    if list(means) != names or sorted(names, key=lambda name: -means[name]) != names:
        yield f"the ranking {names} is not the order of the means of rows {means}"
    for row in matrix:
        cells = [number(text) for text, _ in row[1:-1] if text != "\N{EN DASH}"]
        if abs(sum(cells) / len(cells) - number(row[-1][0])) > 1.0:  # each is rounded to a percent
            yield f"the mean of the row of {row[0][0]} is not {row[-1][0]}"
    decided = {
        (one, other)
        for (i, one), (j, other) in itertools.permutations(enumerate(names), 2)
        if matrix[i][1 + j][1] and number(matrix[i][1 + j][0]) > 50
    }
    for place, name in enumerate(names):
        excluded = 1 + sum(pair[1] == name for pair in decided), len(names) - sum(pair[0] == name for pair in decided)
        if (ranges[name][0], ranges[name][-1]) != (min(excluded[0], place + 1), max(excluded[1], place + 1)):
            yield f"the possible ranks of {name} are not what the decided pairs leave"
    for (i, one), (j, other) in itertools.permutations(enumerate(names), 2):
        text, tinted = matrix[i][1 + j]
        against = (ranks[one] - ranks[other]) * (number(text) - 50) > 0
        if against != ("†" in text):
            yield f"{one} against {other}, {text}: marked wrongly"
        if tinted != ({(one, other), (other, one)} & decided != set()):
            yield f"{one} against {other}: tinted wrongly"
    lead = verdict(names, lambda one, other: (one, other) in decided, ranks=ranks, quantity="points against the field")
    if lead not in parsed.texts:
        yield f"the lead is not: {lead}"
    for one, other in itertools.pairwise(names):
        has_runs = all(int(ranking[names.index(name)][8]) > 1 for name in (one, other))
        claim = f"{one} beats {other} more often than not" if has_runs else f"{one} has more points against the field than {other}"
        said = f"Decided: {claim}." if (one, other) in decided else f"Not decided: {one} or {other}."
        if said not in parsed.texts:
            yield f"it does not say: {said}"
    if any(int(row[8]) < 10 for row in ranking if "random" not in row[1]):
        yield "an entrant has fewer than ten training seeds"
    yield from _saturated(parsed)


def _saturated(parsed: Tables) -> Iterator[str]:
    found = re.search(r"entrants on (.+?)\. Intervals", " ".join(parsed.texts))
    envs = found[1].split(", ") if found else []
    tables = [rows[1:] for rows in parsed.tables if rows and {"Entrant", "Return"} <= {text for text, _ in rows[0]}]
    if len(envs) < 2 or len(tables) != len(envs):
        yield f"it has {len(tables)} tables of returns for the environments {envs}; there should be one for each of two or more"
        return
    for env, rows in zip(envs, tables, strict=True):
        reference = catalogue().reference_for(EnvConfig(env))
        if reference is None or reference.upper_bound is None:
            yield f"no bound of {env} is known"
            continue
        bound = reference.random.value + SATURATED * (reference.upper_bound.value - reference.random.value)
        for row in rows:
            if row[0][0] and number(row[2][0]) >= bound:
                yield f"{row[0][0].split()[0]} stands at the best possible return"


def number(text: str) -> float:
    """Returns the first number of a cell."""
    found = re.match(r"-?[\d.,]+", text.replace("\N{MINUS SIGN}", "-"))
    assert found is not None, text
    return float(found[0].replace(",", ""))


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_the_committed_page_claims_what_its_tables_say(page: str) -> None:
    assert list(faults(page)) == []


@pytest.mark.parametrize(
    ("what", "by", "said"),
    [
        (r">(\d+\.?\d*)%</td></tr>", lambda found: f">{100 - float(found[1]):.0f}%</td></tr>", "is not the order of the means of rows"),
        (r"(<td[^>]*>)\d+%(<small>[\d,]+ matches)", r"\g<1>3%\2", "the mean of the row of"),
        (r"†<small>|%<small>(?=[\d,]+ matches)", lambda found: "%<small>" if "†" in found[0] else "%†<small>", "marked wrongly"),
        (r"--tone", "--none", "the possible ranks of keras-ppo"),
        (r"\w+-ppo and \w+-ppo|leads;", "wins", "the lead is not"),
        ("<td>1\N{EN DASH}5</td>", "<td>1</td>", "the possible ranks of keras-ppo"),
        (r"<b>Not decided</b>", "Decided", "it does not say: Not decided"),
        (r"<td>10</td>", "<td>9</td>", "fewer than ten training seeds"),
        (r"38\d\.\d", "496.0", "keras-ppo stands at the best possible return"),
        (r"entrants on CartPole-v1", "entrants on LunarLander-v3", "no bound of LunarLander-v3 is known"),
    ],
    ids=lambda value: value if isinstance(value, str) else "function",
)
def test_a_page_that_claims_something_else_is_found_out(page: str, what: str, by: Any, said: str) -> None:
    assert any(said in fault for fault in faults(re.sub(what, by, page)))
