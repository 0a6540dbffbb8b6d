"""Who is better than whom: the one place where a report decides it. The page and the terminal show what it says.

Two rules can decide a pair of agents. If a sequential comparison (`seeds = "until-decided"`) covers every pair of the report, its verdicts
do, because it is corrected for having stopped early. Otherwise the p-values do, corrected for all pairs together.

One number ranks: the mean probability of improvement over the other agents, which is what the tests of pairs are about. IQM, mean, median
and areas under learning curves may order agents otherwise; `disagreements` finds where, and the page marks it.
"""

import dataclasses
import itertools
import math
import statistics
from collections.abc import Collection, Mapping

import numpy as np

from arena.report.document import ExperimentReport, SequentialComparison
from arena.statistics.circles import circles, in_words
from arena.statistics.ties import Rank, rank_all, without_noise

QUANTITY = "the chance that a run of it returns more than a run of another agent (P(improvement), mean over the others)"
"""The number that ranks agents, in words."""


@dataclasses.dataclass(frozen=True)
class ReportVerdict:
    """What a report claims of its agents."""

    better: frozenset[tuple[str, str]]
    """Pairs (better, worse) that are decided."""
    chances: Mapping[str, float]
    """The number that ranks: agent -> its mean probability of improvement over the others; NaN for an agent that was not compared."""
    ranks: Mapping[str, Rank]
    """Rank of each agent by `chances`, with the ranks that `better` does not exclude."""
    equal: frozenset[tuple[str, str]]
    """Pairs (x, y), x before y by name, that are decided to be equal."""
    equal_within: float
    """Distance of P(improvement) from an even chance within which agents count as equal."""
    circles: tuple[str, ...]
    """Circles of agents that beat each other, in words: A beats B, B beats C, C beats A, and how certain that is."""
    sequential: SequentialComparison | None
    """The sequential comparison that decided; None if the corrected p-values did."""

    @property
    def order(self) -> tuple[str, ...]:
        """All agents by rank, best first, equal ones by name."""
        return tuple(sorted(self.ranks, key=lambda agent: (self.ranks[agent].value, agent)))

    def is_better(self, agent: str, other: str) -> bool:
        """Returns whether it is decided that `agent` is better than `other`."""
        return (agent, other) in self.better

    def claim(self, x: str, y: str) -> str:
        """Returns what is decided of two agents, x before y by name, in a few words."""
        if (winner := self.winner(x, y)) is not None:
            return f"{winner} beats {y if winner == x else x}"
        return "equal" if (x, y) in self.equal else "undecided"

    def winner(self, agent: str, other: str) -> str | None:
        """Returns the better of two agents; None if that is not decided."""
        return next((one for one, two in ((agent, other), (other, agent)) if self.is_better(one, two)), None)


def judge(report: ExperimentReport) -> ReportVerdict:
    """Returns which agents of the report are better than which."""
    sequential = _governing(report)
    p_values = {(pair.x, pair.y): pair.p_value_joint for pair in report.pairs}
    if sequential is not None:
        better = {pair.claim for pair in sequential.verdicts if pair.claim is not None}
        equal = {_by_name(pair.agent, pair.other) for pair in sequential.verdicts if pair.verdict == "equal"}
        p_values = dict.fromkeys(p_values, sequential.alpha)
    else:
        better = {pair.claim for pair in report.pairs if pair.claim is not None}
        # Intervals are not corrected for looking several times, so that they decide nothing after a sequential comparison.
        bounds = {(pair.x, pair.y): pair.apart_at_most for pair in report.pairs}
        equal = {names for names, bound in bounds.items() if bound is not None and bound <= report.equal_within}
    within = sequential.equal_within if sequential is not None and sequential.equal_within is not None else report.equal_within
    chances = _chances(report)
    return ReportVerdict(
        better=frozenset(better),
        chances=chances,
        ranks=rank_all(chances, better),
        equal=frozenset(equal),
        equal_within=within,
        circles=_circles(better, p_values),
        sequential=sequential,
    )


def _by_name(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)


def _circles(better: Collection[tuple[str, str]], p_values: Mapping[tuple[str, str], float]) -> tuple[str, ...]:
    """Returns the most certain circle of each group of agents that beat each other in circles, in words."""
    names = sorted({name for pair in better for name in pair})
    beats, p_value = np.zeros((len(names),) * 2, np.bool_), np.ones((len(names),) * 2)
    for winner, loser in better:
        place = names.index(winner), names.index(loser)
        beats[place], p_value[place] = True, p_values[_by_name(winner, loser)]
    return tuple(in_words(circle, names) for circle in circles(beats, p_value))


def disagreements(ranks: Mapping[str, Rank], values: Mapping[str, float]) -> list[tuple[str, str]]:
    """Returns the pairs (lower, higher) of agents of which the one with the lower rank has the better value.

    Args:
        ranks: rank of each agent.
        values: another number of the same agents, the larger the better; agents without one are missing.
    """
    names = [name for name in ranks if name in values]
    numbers = dict(zip(names, without_noise(np.array([values[name] for name in names])), strict=True))
    ordered = sorted(names, key=lambda name: (ranks[name].value, name))
    return [
        (lower, higher)
        for higher, lower in itertools.combinations(ordered, 2)
        if ranks[higher].value < ranks[lower].value and numbers[lower] > numbers[higher]
    ]


def _governing(report: ExperimentReport) -> SequentialComparison | None:
    """Returns the only sequential comparison of the report, if it covers every pair."""
    if len(report.decisions) != 1:
        return None
    covered = {frozenset((pair.agent, pair.other)) for pair in report.decisions[0].verdicts}
    return report.decisions[0] if {frozenset((pair.x, pair.y)) for pair in report.pairs} <= covered else None


def _chances(report: ExperimentReport) -> dict[str, float]:
    found: dict[str, list[float]] = {agent.name: [] for agent in report.agents}
    for pair in report.pairs:
        found[pair.x].append(pair.probability.value)
        found[pair.y].append(1 - pair.probability.value)
    return {name: statistics.fmean(values) if values else math.nan for name, values in found.items()}
