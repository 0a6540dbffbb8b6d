"""Reward curves of a tournament's runs, read at points where all of them can be compared: equal env steps and equal seconds of training."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from arena.run_folder.record import RunRecord


@dataclasses.dataclass(frozen=True, kw_only=True)
class RewardCurve:
    """Selection evaluations of one run, in the order of training."""

    env_steps: tuple[float, ...]
    """Env steps before each evaluation."""
    train_seconds: tuple[float, ...]
    """Wall seconds of training before each evaluation."""
    returns: tuple[float, ...]
    """Mean return over the episodes of each evaluation."""


def read_reward_curve(record: RunRecord | None) -> RewardCurve:
    """Returns a run's curve; an empty one if its folder is gone or cannot be read."""
    if record is None:
        return RewardCurve(env_steps=(), train_seconds=(), returns=())
    return RewardCurve(
        env_steps=tuple(evaluated.env_steps for evaluated in record.selection),
        train_seconds=tuple(evaluated.train_seconds for evaluated in record.selection),
        returns=tuple(evaluated.episode_return_mean for evaluated in record.selection),
    )


def returns_at_equal(
    curves: Mapping[str, Sequence[RewardCurve]],
    axis: Callable[[RewardCurve], Sequence[float]],
    failures: Mapping[str, Sequence[float]] | None = None,
) -> tuple[float | None, dict[str, float]]:
    """Returns the last point of an axis that all runs reached, and each entrant's mean return there over its runs.

    A run's value there is that of its last evaluation up to the point. Entrants without runs are left out, and so are entrants with a run
    that had not been evaluated by then.

    Args:
        curves: Entrant -> curves of its runs that did not fail.
        axis: Function that returns the positions of a curve's evaluations: its env steps or its seconds.
        failures: Entrant -> return that each of its failed runs takes, wherever the point lies.
    """
    ends = [axis(curve)[-1] for of_entrant in curves.values() for curve in of_entrant if curve.returns]
    if not ends:
        return None, {}
    point = min(ends)
    values = {}
    for entrant, of_entrant in curves.items():
        failed = (failures or {}).get(entrant, ())
        counts = [int(np.searchsorted(axis(curve), point, side="right")) for curve in of_entrant]
        if (counts or failed) and min(counts, default=1) > 0:
            reached = [curve.returns[count - 1] for curve, count in zip(of_entrant, counts, strict=True)]
            values[entrant] = float(np.mean([*reached, *failed]))
    return float(point), values
