"""What a failed run counts as: an outcome of its agent, worse than every run that finished.

The one rule of reports, tournaments, leagues and `seeds = "until-decided"`:

- a failed run loses to every run that finished, and ties with the others that failed (`comparable_returns`);
- in tables of returns it takes the worse of random play and the worst return that anyone finished with (`failed_return`).

A run has failed if it crashed, took too long, was killed, diverged or met an environment that failed: its actions may have led there. A
run that a search gave up (`pruned`) has not, because the search ended it and not its agent. A run that was interrupted has no outcome
yet: it can be resumed.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.statistics.ties import without_noise

Array = npt.NDArray[Any]

FAILURES = frozenset({"crashed", "timed_out", "killed", "diverged", "env_failed"})
"""Statuses of a run that failed."""

STEP_BELOW = 1e-6
"""Distance of a failed run below all others in `comparable_returns`, relative to the largest magnitude: more than noise, and
too little to show in a mean."""


def is_failure(status: str) -> bool:
    """Returns whether a run with this status has failed, so that it counts as an outcome of its agent."""
    return status in FAILURES


def failed_return(finished: Iterable[float], random: float | None) -> float | None:
    """Returns the return that a failed run takes in tables: the worse of random play and the worst that anyone finished with.

    Args:
        finished: mean return of each run that finished on the environment, whoever's it is.
        random: mean return of random play; None if it is not known.

    Returns:
        None if nothing is known: nobody finished, and random play is not known.
    """
    return min([*finished, *([] if random is None else [random])], default=None)


def comparable_returns(returns: Array, failed: Array, worst: float) -> Array:
    """Returns numbers `[N]` that order runs: returns without float noise, and failed runs equal to each other and below all others.

    Args:
        returns: `[N]`, mean returns of all runs on one environment; those of failed runs are ignored.
        failed: `bool [N]`, which runs failed.
        worst: `failed_return` of the environment.
    """
    failed = np.asarray(failed, np.bool_)
    values = np.where(failed, worst, returns).astype(np.float64)
    step = STEP_BELOW * max(1.0, float(np.abs(values).max(initial=0.0)))
    return np.where(failed, worst - step, without_noise(values))
