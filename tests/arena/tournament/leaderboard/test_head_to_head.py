"""Committed pages of tournaments: what they claim is what their own tables say, and what docs/ says of them is what they say."""

import html.parser
import itertools
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from arena.environments.config import EnvConfig
from arena.environments.references import catalogue
from arena.html.verdicts import verdict

ROOT = Path(__file__).parents[4]
PAGES = {
    "head_to_head": ("tournaments.md", "[head_to_head.html](head_to_head.html)"),
    "continuous": ("continuous.md", "## A tournament"),
}
"""Pages `docs/NAME.html` made from `configs/NAME.toml`; for each, which page of docs/ says what it shows, and the words before that."""
SATURATED = 0.99
"""Share of the way from random play to the bound from which a run stands at the bound, as in reports."""
MAX_BYTES = 2_000_000
"""Largest size of a page."""
UNBOUNDED = {"LunarLanderContinuous-v3"}
"""Environments whose returns have no known bound; what is said there is held against the best return of the page alone."""


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

    def envs(self) -> list[str]:
        """Returns the environments that the page names."""
        found = re.search(r"entrants on (.+?)\. Intervals", " ".join(self.texts))
        return found[1].split(", ") if found else []

    def returns(self) -> list[dict[str, str]]:
        """Returns each environment's mean returns with their intervals, by entrant, the highest first."""
        tables = [rows[1:] for rows in self.tables if rows and {"Entrant", "Return"} <= {text for text, _ in rows[0]}]
        return [{row[0][0].split()[0]: row[2][0] for row in rows if row[0][0]} for rows in tables]


class Standings(NamedTuple):
    """What a page's ranking and matrix say."""

    ranking: list[list[str]]
    """Cells of each row of the ranking."""
    matrix: list[list[tuple[str, bool]]]
    """Cells of each row of the matrix, and whether they are tinted."""
    names: list[str]
    """Entrants in the order of the ranking."""
    decided: set[tuple[str, str]]
    """Pairs that are decided, the better one first."""


def standings(parsed: Tables) -> Standings:
    """Returns what the tables of a page say."""
    ranking = [[text for text, _ in row] for row in parsed.table("Rank", "Entrant", "Possible ranks") if row[0][0]]
    matrix = [row for row in parsed.table("against …", "Mean") if row]
    names = [row[1].split()[0] for row in ranking]
    decided = {
        (one, other)
        for (i, one), (j, other) in itertools.permutations(enumerate(names), 2)
        if matrix[i][1 + j][1] and number(matrix[i][1 + j][0]) > 50
    }
    return Standings(ranking, matrix, names, decided)


def faults(page: str, experiment: dict[str, Any]) -> Iterator[str]:
    """Yields what the page claims and its tables do not say, and what it has otherwise than the experiment's file."""
    parsed = Tables(page)
    ranking, matrix, names, decided = standings(parsed)
    ranks = {name: int(row[0].rstrip("=")) for name, row in zip(names, ranking, strict=True)}
    ranges = {name: tuple(int(end) for end in re.findall(r"\d+", row[5])) for name, row in zip(names, ranking, strict=True)}
    means = {row[0][0].split()[0]: number(row[-1][0]) for row in matrix}
    if list(means) != names or sorted(names, key=lambda name: -means[name]) != names:
        yield f"the ranking {names} is not the order of the means of rows {means}"
    for row in matrix:
        cells = [number(text) for text, _ in row[1:-1] if text != "\N{EN DASH}"]
        if abs(sum(cells) / len(cells) - number(row[-1][0])) > 1.0:  # each is rounded to a percent
            yield f"the mean of the row of {row[0][0]} is not {row[-1][0]}"
    for place, name in enumerate(names):
        excluded = 1 + sum(pair[1] == name for pair in decided), len(names) - sum(pair[0] == name for pair in decided)
        if (ranges[name][0], ranges[name][-1]) != (min(excluded[0], place + 1), max(excluded[1], place + 1)):
            yield f"the possible ranks of {name} are not what the decided pairs leave"
    for (i, one), (j, other) in itertools.permutations(enumerate(names), 2):
        text, tinted = matrix[i][1 + j]
        against = (ranks[one] - ranks[other]) * (number(text) - 50) > 0
        if number(text) == 50:  # rounded, so it may be more or less than half; the same holds of the opposite cell
            against = "†" in matrix[j][1 + i][0]
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
    if any(int(row[8]) != experiment["seeds"] for row in ranking if "random" not in row[1]):
        yield f"an entrant has other than {experiment['seeds']} training seeds"
    if {*experiment["agents"], "random"} != set(names):
        yield f"the entrants {names} are not those of the experiment"
    if [env if isinstance(env, str) else env["id"] for env in experiment["envs"]] != parsed.envs():
        yield f"the environments {parsed.envs()} are not those of the experiment"
    yield from _saturated(parsed, decided)


def _saturated(parsed: Tables, decided: set[tuple[str, str]]) -> Iterator[str]:
    envs, tables = parsed.envs(), parsed.returns()
    if len(envs) < 2 or len(tables) != len(envs):
        yield f"it has {len(tables)} tables of returns for the environments {envs}; there should be one for each of two or more"
        return
    at_the_best: list[set[str]] = []
    for env, table in zip(envs, tables, strict=True):
        returns = {name: number(text) for name, text in table.items()}
        random, best = returns.pop("random"), max(returns.values())
        at_the_best.append({name for name, value in returns.items() if value >= random + SATURATED * (best - random)})
        reference = catalogue().reference_for(EnvConfig(env))
        if env not in UNBOUNDED and (reference is None or reference.upper_bound is None):
            yield f"no bound of {env} is known"
        if reference is not None and reference.upper_bound is not None:
            bound = reference.random.value + SATURATED * (reference.upper_bound.value - reference.random.value)
            yield from (f"{name} stands at the best possible return" for name, value in returns.items() if value >= bound)
    for one, other in decided:
        if all({one, other} <= names for names in at_the_best):
            yield f"{one} is said to beat {other}, and both return as much as anybody on every environment"


def number(text: str) -> float:
    """Returns the first number of a cell."""
    found = re.match(r"-?[\d.,]+", text.replace("\N{MINUS SIGN}", "-"))
    assert found is not None, text
    return float(found[0].replace(",", ""))


def prose_faults(page: str, prose: str) -> Iterator[str]:
    """Yields what `prose` says of a page and its tables do not say, and what is decided and not said.

    Sentences that are read: "`a` beats `b`, `c` and `d`", "everybody beats the random player", "`a` has most points", "`a` leads on ENV".
    """
    parsed = Tables(page)
    _, _, names, decided = standings(parsed)
    sentences = " ".join(prose.split())
    said = {
        (one, other)
        for one, others in re.findall(r"`([\w-]+)` beats ((?:`[\w-]+`(?:,? and |, )?)+)", sentences)
        for other in re.findall(r"`([\w-]+)`", others)
    }
    if said != {pair for pair in decided if "random" not in pair}:
        yield f"it says that these pairs are decided: {sorted(said)}; the page: {sorted(decided)}"
    if ("everybody beats the random player" in sentences) != all((name, "random") in decided for name in names if name != "random"):
        yield "it does not say who beats the random player"
    if any(name != names[0] for name in re.findall(r"`([\w-]+)` has most points", sentences)):
        yield f"{names[0]} has most points"
    leaders = {env: next(iter(returns)) for env, returns in zip(parsed.envs(), parsed.returns(), strict=True)}
    if any(leaders.get(env) != name for name, env in re.findall(r"`([\w-]+)` (?:has most points and )?leads on ([\w-]+)", sentences)):
        yield f"the leaders are {leaders}"
    if "| entrant |" in prose and markdown_table(page) not in prose:
        yield f"its table should be:\n\n{markdown_table(page)}"


def markdown_table(page: str) -> str:
    """Returns the table of a page that docs/ shows: points, returns and cost of each entrant, in the order of the ranking."""
    parsed = Tables(page)
    ranking, _, names, _ = standings(parsed)
    costs = {row[0][0]: row[4][0] for row in parsed.table("Entrant", "CPU, everything included")}
    titles = ["entrant", "points", "95% interval", "possible ranks", *(f"return on {env}" for env in parsed.envs()), "CPU of all its runs"]
    rows = [titles, ["---"] * len(titles)]
    for name, row in zip(names, ranking, strict=True):
        rows.append([f"`{name}`", row[2], row[4], row[5], *(returns[name] for returns in parsed.returns()), costs[name]])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def read_page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.html").read_text(encoding="utf-8")


def read_prose(name: str) -> str:
    file, opening = PAGES[name]
    text = (ROOT / "docs" / file).read_text(encoding="utf-8")
    assert text.count(opening) == 1
    section, _, _ = text[text.index(opening) :].partition("\n## ")
    return section


def read_experiment(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / "configs" / f"{name}.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page() -> str:
    return read_page("head_to_head")


@pytest.mark.parametrize("name", PAGES)
def test_a_committed_page_claims_what_its_tables_say(name: str) -> None:
    page = read_page(name)
    assert list(faults(page, read_experiment(name))) == []
    assert len(page.encode()) < MAX_BYTES
    assert re.search(rf"<pre>arena tournament (configs/)?{name}\.toml</pre>", page)


@pytest.mark.parametrize("name", PAGES)
def test_docs_say_of_a_page_what_its_tables_say(name: str) -> None:
    assert list(prose_faults(read_page(name), read_prose(name))) == []


@pytest.mark.parametrize(
    ("what", "by", "said"),
    [
        (r"`keras-ppo` beats `keras-dqn`", "`keras-ppo` beats `keras-dqn` and `rllib-dqn`", "these pairs are decided"),
        (r"`keras-ppo` beats `keras-dqn`", "`keras-dqn` beats `keras-ppo`", "these pairs are decided"),
        (r"everybody beats", "nobody beats", "who beats the random player"),
        (r"`keras-ppo` has most points", "`rllib-ppo` has most points", "keras-ppo has most points"),
        (r"`rllib-dqn` leads on Acrobot-v1", "`keras-ppo` leads on Acrobot-v1", "the leaders are"),
        (r"$", "\n| entrant | points |", "its table should be"),
    ],
)
def test_prose_that_says_something_else_is_found_out(page: str, what: str, by: str, said: str) -> None:
    prose = read_prose("head_to_head")
    changed = re.sub(what, by, prose, count=1)
    assert changed != prose
    assert any(said in fault for fault in prose_faults(page, changed))


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
        (r"<td>10</td>", "<td>9</td>", "other than 10 training seeds"),
        (r"38\d\.\d", "496.0", "keras-ppo stands at the best possible return"),
        (r'(<td class="beside">)\N{MINUS SIGN}?[\d.]+', r"\g<1>100.0", "keras-ppo is said to beat keras-dqn, and both return as much"),
        (r"entrants on CartPole-v1", "entrants on LunarLander-v3", "no bound of LunarLander-v3 is known"),
        (r"entrants on CartPole-v1", "entrants on LunarLander-v3", "are not those of the experiment"),
    ],
    ids=lambda value: value if isinstance(value, str) else "function",
)
def test_a_page_that_claims_something_else_is_found_out(page: str, what: str, by: Any, said: str) -> None:
    assert any(said in fault for fault in faults(re.sub(what, by, page), read_experiment("head_to_head")))
