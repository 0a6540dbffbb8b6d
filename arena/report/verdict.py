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
from collections.abc import Mapping

import numpy as np

from arena.report.document import ExperimentReport, SequentialComparison
from arena.statistics.pair_tests import MAX_ERROR
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
    """Pairs (x, y), x before y by name, that are decided to be equal within `ExperimentReport.equal_within`."""
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
    if sequential is not None:
        better = {pair.claim for pair in sequential.verdicts if pair.claim is not None}
    else:
        decided = [pair for pair in report.pairs if pair.p_value_joint <= MAX_ERROR]
        better = {(pair.x, pair.y) if pair.probability.value > 0.5 else (pair.y, pair.x) for pair in decided}
    chances = _chances(report)
    # Intervals are not corrected for looking several times, so that they decide nothing after a sequential comparison.
    equal = {
        (pair.x, pair.y)
        for pair in (report.pairs if sequential is None else ())
        if pair.apart_at_most is not None and pair.apart_at_most <= report.equal_within
    }
    return ReportVerdict(frozenset(better), chances, rank_all(chances, better), frozenset(equal), sequential)


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
