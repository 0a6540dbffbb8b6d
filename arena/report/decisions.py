"""Verdicts of `seeds = "until-decided"`, read from the `decision.json` of the experiments that the runs belong to."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from arena.errors import ArenaError
from arena.formats.json import read_json_object
from arena.report.document import SequentialComparison, SequentialVerdict
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
            raise ArenaError(f"{path} isn't a decision of this version of arena-rl: {error!r}; arena run writes it again") from error
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
