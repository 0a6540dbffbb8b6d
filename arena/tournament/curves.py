"""Learning curves of a tournament's runs, read where all of them can be compared: at equal env steps and at equal seconds of training."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from arena.formats.jsonl import read_jsonl
from arena.run_folder.folder import RunDir


@dataclasses.dataclass(frozen=True, kw_only=True)
class Curve:
    """Selection evaluations of one run, in the order of training."""

    env_steps: tuple[float, ...]
    train_seconds: tuple[float, ...]
    returns: tuple[float, ...]
    """Mean over the episodes of each evaluation."""


def read_curve(run_dir: RunDir) -> Curve:
    """Returns a run's curve; an empty one where its folder is gone."""
    lines = read_jsonl(run_dir.evaluations) if run_dir.evaluations.exists() else []
    lines = [line for line in lines if line["kind"] == "selection"]
    return Curve(
        env_steps=tuple(line["env_steps"] for line in lines),
        train_seconds=tuple(line["train_seconds"] for line in lines),
        returns=tuple(line["episode_return_mean"] for line in lines),
    )


def at_equal(curves: Mapping[str, Sequence[Curve]], axis: Callable[[Curve], Sequence[float]]) -> tuple[float | None, dict[str, float]]:
    """Returns the farthest point of an axis that all runs reached, and each entrant's mean return there over its runs.

    A run's value there is that of its last evaluation up to the point; entrants of which some run has none so early are left out, as
    are those without runs.
    """
    ends = [axis(curve)[-1] for of_entrant in curves.values() for curve in of_entrant if curve.returns]
    if not ends:
        return None, {}
    point = min(ends)
    values = {}
    for entrant, of_entrant in curves.items():
        counts = [int(np.searchsorted(axis(curve), point, side="right")) for curve in of_entrant]
        if counts and min(counts) > 0:
            values[entrant] = float(np.mean([curve.returns[count - 1] for curve, count in zip(of_entrant, counts, strict=True)]))
    return float(point), values
