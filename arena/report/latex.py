"""Tables of a report for LaTeX, with the rules of `booktabs`: returns and scores with their intervals, and pairs of agents."""

import re
from collections.abc import Iterable, Sequence

from arena.formats.readable import fixed, percent, return_decimals
from arena.report.document import ExperimentReport
from arena.statistics.estimate import Estimate

_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", **{c: f"\\{c}" for c in "&%$#_{}"}}
_HEAD = "% {title}: intervals hold {confidence} of the time and include the spread over training seeds. Needs \\usepackage{{booktabs}}.\n"


def latex_tables(report: ExperimentReport) -> dict[str, str]:
    """Returns the tables by name: `returns` of each agent on each environment, `scores` over all, and `pairs`; without empty ones."""
    found = {"returns": _returns(report), "scores": _scores(report), "pairs": _pairs(report)}
    head = _HEAD.format(title=_one_line(report.title), confidence=percent(report.confidence))
    return {name: head + text for name, text in found.items() if text}


def _returns(report: ExperimentReport) -> str:
    envs = [env.name for env in report.envs]
    by_place = {(row.agent, row.env): row.return_mean for row in report.results}
    decimals = {env: return_decimals(*(estimate.value for (_, where), estimate in by_place.items() if where == env)) for env in envs}
    rows = [[agent.name, *(_cell(by_place.get((agent.name, env)), decimals[env]) for env in envs)] for agent in report.agents]
    return _tabular(["agent", *envs], rows) if by_place else ""


def _scores(report: ExperimentReport) -> str:
    metrics = list(dict.fromkeys(row.metric for row in report.aggregates))
    found = {(row.agent, row.metric): row.estimate for row in report.aggregates}
    titles = {"iqm": "IQM", "optimality_gap": "optimality gap"}
    rows = [[agent.name, *(_cell(found.get((agent.name, metric)), 3) for metric in metrics)] for agent in report.agents]
    return _tabular(["agent", *(titles.get(metric, metric) for metric in metrics)], rows) if found else ""


def _pairs(report: ExperimentReport) -> str:
    rows = [[pair.x, pair.y, _cell(pair.probability, 2), f"${pair.p_value_joint:.3f}$"] for pair in report.pairs]
    return _tabular(["agent", "other", "P(agent returns more)", "p"], rows) if rows else ""


def _tabular(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table; names are escaped, and cells that hold mathematics are taken as they are."""
    lines = [
        f"\\begin{{tabular}}{{l{'r' * (len(heads) - 1)}}}",
        r"\toprule",
        f"{' & '.join(map(_escaped, heads))} \\\\",
        r"\midrule",
        *(f"{' & '.join(cell if cell.startswith('$') else _escaped(cell) for cell in row)} \\\\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _cell(estimate: Estimate | None, decimals: int) -> str:
    """Returns a value with its interval in smaller type behind it; a dash for none."""
    if estimate is None:
        return "$-$"
    value = _math(estimate.value, decimals)
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} {{\\scriptsize [{_math(estimate.low, decimals)}, {_math(estimate.high, decimals)}]}}"


def _math(value: float, decimals: int) -> str:
    return f"${fixed(value, decimals)}$".replace("\N{MINUS SIGN}", "-").replace(",", "{,}")


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(character, character) for character in _one_line(text))


def _one_line(text: str) -> str:
    return re.sub(r"\s", " ", text)
