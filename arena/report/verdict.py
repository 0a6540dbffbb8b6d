"""Who is better than whom: the one place where a report decides it. The page and the terminal show what it says.

Two rules can decide a pair of agents. If a sequential comparison (`seeds = "until-decided"`) covers every pair of the report, its verdicts
do, because it is corrected for having stopped early. Otherwise the p-values do, corrected for the number of pairs.
"""

import dataclasses
import statistics

from arena.report.document import ExperimentReport, SequentialComparison

MAX_ERROR = 0.05
"""Largest probability of any wrong claim, over all pairs together, if the corrected p-values decide."""


@dataclasses.dataclass(frozen=True)
class ReportVerdict:
    """What a report claims of its agents."""

    better: frozenset[tuple[str, str]]
    """Pairs (better, worse) that are decided."""
    order: tuple[str, ...]
    """All agents by their mean probability of improvement over the others, best first; an order of names, not a claim."""
    sequential: SequentialComparison | None
    """The sequential comparison that decided; None if the corrected p-values did."""

    def is_better(self, agent: str, other: str) -> bool:
        """Returns whether it is decided that `agent` is better than `other`."""
        return (agent, other) in self.better

    def winner(self, agent: str, other: str) -> str | None:
        """Returns the better of two agents; None if that is not decided."""
        return next((one for one, two in ((agent, other), (other, agent)) if self.is_better(one, two)), None)


def judge(report: ExperimentReport) -> ReportVerdict:
    """Returns which agents of the report are better than which."""
    sequential = _governing(report)
    if sequential is not None:
        better = {pair.claim for pair in sequential.verdicts if pair.claim is not None}
    else:
        decided = [pair for pair in report.pairs if pair.p_value_holm <= MAX_ERROR]
        better = {(pair.x, pair.y) if pair.probability.value > 0.5 else (pair.y, pair.x) for pair in decided}
    return ReportVerdict(frozenset(better), _by_probability(report), sequential)


def _governing(report: ExperimentReport) -> SequentialComparison | None:
    """Returns the only sequential comparison of the report, if it covers every pair."""
    if len(report.decisions) != 1:
        return None
    covered = {frozenset((pair.agent, pair.other)) for pair in report.decisions[0].verdicts}
    return report.decisions[0] if {frozenset((pair.x, pair.y)) for pair in report.pairs} <= covered else None


def _by_probability(report: ExperimentReport) -> tuple[str, ...]:
    found: dict[str, list[float]] = {agent.name: [] for agent in report.agents}
    for pair in report.pairs:
        found[pair.x].append(pair.probability.value)
        found[pair.y].append(1 - pair.probability.value)
    return tuple(sorted(found, key=lambda name: -statistics.fmean(found[name] or [0.0])))
