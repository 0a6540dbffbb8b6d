"""Learning curves at equal env steps and at equal seconds, the area under them, and the time at which a threshold was first reached."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.report.document import Axis, TimeToThreshold
from arena.report.load import LoadedRun
from arena.run_folder.schema import Evaluated
from arena.statistics.order_statistics import median_interval
from arena.statistics.proportions import clopper_pearson

Array = npt.NDArray[Any]

NUM_POINTS = 41
"""Number of points at which a curve is drawn."""


def position(evaluated: Evaluated, axis: Axis) -> float:
    """Returns the place of an evaluation on an axis: env steps, or seconds of training."""
    return float(evaluated.env_steps if axis == "env_steps" else evaluated.train_seconds)


def horizon(runs: Sequence[LoadedRun], axis: Axis) -> float:
    """Returns the place of the last selection evaluation of all the runs on an axis; 0 if there is none."""
    return max((position(run.selection[-1], axis) for run in runs if run.selection), default=0.0)


def run_curve(run: LoadedRun, axis: Axis, grid: Array, start: float, failed: float) -> Array:
    """Returns the mean return of a run's policy at each point of the grid `[P]`, from its selection evaluations.

    Values between two evaluations are interpolated, and those before the first begin with `start` at 0. After the last evaluation the
    value stays, because the budget or the target was reached; if the run failed, it is `failed` from there on.
    """
    x, y = [0.0], [start]
    for evaluated in run.selection:
        x.append(position(evaluated, axis))
        y.append(evaluated.episode_return_mean)
    values = np.interp(grid, x, y)
    return np.where(grid > x[-1], failed, values) if run.state == "failed" else values


def area(values: Array) -> Array:
    """Returns the mean of curves `[..., P]` over their evenly spaced grid `[...]`, by the trapezoidal rule."""
    return np.trapezoid(values, axis=-1) / (values.shape[-1] - 1)  # type: ignore[no-any-return]


def time_to_threshold(runs: Sequence[LoadedRun], threshold: float, *, confidence: float = 0.95) -> TimeToThreshold:
    """Returns the time at which the runs of one agent on one environment first reached `threshold` in a selection evaluation.

    Runs that never reached it are censored: they count as later than all others, and so do runs that failed, even after it. The first
    success among many evaluations is optimistic: a policy that once reached the threshold may be worse at the end.
    """
    firsts = [first_reached(run, threshold) for run in runs]
    env_steps = np.array([np.inf if first is None else first.env_steps for first in firsts])
    seconds = np.array([np.inf if first is None else first.train_seconds for first in firsts])
    num_reached = int(np.isfinite(env_steps).sum())
    low, high = median_interval(env_steps, confidence=confidence)
    return TimeToThreshold(
        agent=runs[0].agent,
        env=runs[0].env,
        threshold=threshold,
        num_seeds=len(runs),
        num_reached=num_reached,
        reached_fraction=clopper_pearson(num_reached, len(runs), confidence=confidence),
        env_steps_median=_finite(float(np.median(env_steps))),
        env_steps_low=_finite(low),
        env_steps_high=_finite(high),
        train_seconds_median=_finite(float(np.median(seconds))),
    )


def first_reached(run: LoadedRun, threshold: float) -> Evaluated | None:
    """Returns the first selection evaluation of a run that reached `threshold`; None if there is none, or the run failed."""
    reached = (point for point in run.selection if point.episode_return_mean >= threshold)
    return None if run.state == "failed" else next(reached, None)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
