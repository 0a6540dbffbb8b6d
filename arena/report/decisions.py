"""What `seeds = "until-decided"` has decided, read from the `decision.json` of the experiments that the runs are of."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from arena.errors import ArenaError
from arena.formats.json import read_json_object
from arena.report.document import Report, SequentialComparison, SequentialVerdict
from arena.report.inventory import relative
from arena.report.load import LoadedRun


def read_decisions(runs: Sequence[LoadedRun]) -> tuple[SequentialComparison, ...]:
    """Returns the sequential comparisons that the runs were made for, in the order of the runs.

    Raises:
        ArenaError: if a `decision.json` holds something else than this program writes.
    """
    ancestors = [run.path.resolve().parents for run in runs]
    paths = dict.fromkeys(parents[2] / "decision.json" for parents in ancestors if len(parents) > 2)  # agent, env, seed
    found = []
    for path in paths:
        if not path.exists():
            continue
        value = read_json_object(path)
        try:
            found.append(_comparison(relative(path.parent), value))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ArenaError(f"{path} is no decision of this version of arena-rl: {error!r}; arena run writes it again") from error
    return tuple(found)


def _comparison(experiment: str, value: dict[str, Any]) -> SequentialComparison:
    rule = value["rule"]
    return SequentialComparison(
        experiment=experiment,
        group_size=int(rule["group_size"]),
        max_seeds=int(rule["max_seeds"]),
        alpha=float(rule["alpha"]),
        envs=tuple(map(str, value["envs"])),
        look=int(value["look"]),
        finished=bool(value["finished"]),
        num_seeds={str(agent): len(value["scores"][agent]) for agent in value["agents"]},
        verdicts=tuple(SequentialVerdict(**{key: str(pair[key]) for key in _VERDICT}) for pair in value["pairs"]),
    )


_VERDICT = [field.name for field in dataclasses.fields(SequentialVerdict)]


def governing(report: Report) -> SequentialComparison | None:
    """Returns the sequential comparison that decides every pair of the report; None where the p-values do."""
    wanted = {frozenset((pair.x, pair.y)) for pair in report.pairs}
    covering = [one for one in report.decisions if wanted <= {frozenset((pair.agent, pair.other)) for pair in one.verdicts}]
    return covering[0] if len(report.decisions) == 1 and covering else None


def claims(report: Report) -> set[tuple[str, str]]:
    """Returns the pairs (better, worse) that are decided: by the sequential test where it governs, else by the corrected p-values."""
    if (sequential := governing(report)) is not None:
        return {pair.claim for pair in sequential.verdicts if pair.claim is not None}
    return {(pair.x, pair.y) if pair.probability.value > 0.5 else (pair.y, pair.x) for pair in report.pairs if pair.decided}
