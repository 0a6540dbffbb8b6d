"""Verdicts of `seeds = "until-decided"`, read from the `decision.json` of the experiments that the runs belong to."""

import dataclasses
from collections.abc import Sequence

from arena.errors import ArenaError
from arena.experiment.decision import DECISION_NAME, DecisionDocument, read_decision
from arena.report.document import SequentialComparison, SequentialVerdict
from arena.report.inventory import relative
from arena.report.load import LoadedRun


def read_decisions(runs: Sequence[LoadedRun]) -> tuple[tuple[SequentialComparison, ...], tuple[str, ...]]:
    """Returns the sequential comparisons that the runs were made for, in their order, and sentences on those that cannot be read."""
    ancestors = [run.path.resolve().parents for run in runs]
    paths = dict.fromkeys(parents[2] / DECISION_NAME for parents in ancestors if len(parents) > 2)  # agent, env, seed
    found, left_out = [], []
    for path in paths:
        if not path.exists():
            continue
        try:
            found.append(_comparison(relative(path.parent), read_decision(path)))
        except ArenaError as error:
            left_out.append(f"left out: {relative(path)}, because {error}; arena run writes it again")
    return tuple(found), tuple(left_out)


def _comparison(experiment: str, document: DecisionDocument) -> SequentialComparison:
    rule = document.rule
    return SequentialComparison(
        experiment=experiment,
        group_size=rule.group_size,
        max_seeds=rule.max_seeds,
        alpha=rule.alpha,
        equal_within=rule.equal_within,
        envs=document.envs,
        look=document.look,
        finished=document.finished,
        num_seeds={agent: document.num_seeds[agent] for agent in document.agents},
        verdicts=tuple(SequentialVerdict(**dataclasses.asdict(pair)) for pair in document.pairs),
    )
