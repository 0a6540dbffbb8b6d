"""Learning curves of a tournament's runs, read where all of them can be compared: at equal env steps and at equal seconds of training."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from arena.run_folder.record import RunRecord


@dataclasses.dataclass(frozen=True, kw_only=True)
class Curve:
    """Selection evaluations of one run, in the order of training."""

    env_steps: tuple[float, ...]
    train_seconds: tuple[float, ...]
    returns: tuple[float, ...]
    """Mean over the episodes of each evaluation."""


def read_curve(record: RunRecord) -> Curve:
    """Returns a run's curve; an empty one if its folder is gone."""
    return Curve(
        env_steps=tuple(evaluated.env_steps for evaluated in record.selection),
        train_seconds=tuple(evaluated.train_seconds for evaluated in record.selection),
        returns=tuple(evaluated.episode_return_mean for evaluated in record.selection),
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
