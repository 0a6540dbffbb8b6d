"""Who beats whom in duels, decided as a report decides it: a new run of A beats a new run of B more often than not.

The tests of `arena.statistics.pair_tests` compare the mean returns of runs. They see how far entrants are apart, where the share of points
of a pair says no more than that one always won.

The variance of points against the field cannot decide this with few seeds. It must allow that any run fails where none has, or its
intervals would be too short; three entrants of five seeds, far apart, were then not decided.

A pair is decided if three things agree:

- the test of its runs, corrected for all pairs of entrants with several runs;
- the points against the field and the points of the pair, which both must be on the side of the better one, or the page would contradict
  itself;
- the starts: with these very runs, other starts would give the same order (`FieldPoints.start_p_value`).

Entrants of one run, such as the random player, have no runs to exchange. Their pairs are decided by points against the field. Where pairs
of both kinds are there, each kind gets half of the probability of a wrong decision, since each bounds its own alone. The half of a kind
whose pairs are all decided passes to the other kind (F. Bretz et al., "A graphical approach to sequentially rejective multiple test
procedures", Statistics in Medicine 28, 2009).
"""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.rating.field_points import ROUNDING, FieldPoints
from arena.statistics.improvement import Samples, probability_of_improvement
from arena.statistics.pair_tests import pair_tests

Array = npt.NDArray[Any]

MAX_TESTED = 50
"""Largest number of entrants with several runs that are tested, since the memory grows with its square; of more, points decide."""


def decided_by_runs(field: FieldPoints, run_returns: Sequence[Array], entrants: Array, *, level: float) -> FieldPoints:
    """Returns the points with pairs decided, and ranks bounded, by the tests of runs.

    Args:
        field: the points of all entrants.
        run_returns: for each environment, the mean return of each player's run, `float64 [P]`; NaN for players that did not play there.
        entrants: `int64 [P]`, the entrant of each player.
        level: confidence of the decisions.
    """
    runs = [_by_entrant(returns, entrants, len(field.points)) for returns in run_returns]  # by environment and entrant
    several = [entrant for entrant in range(len(field.points)) if any(len(by_entrant[entrant]) > 1 for by_entrant in runs)]
    if len(several) > MAX_TESTED:
        return field
    every = {(i, j): _shared([(by_entrant[i], by_entrant[j]) for by_entrant in runs]) for i, j in itertools.combinations(several, 2)}
    samples = {pair: shared for pair, shared in every.items() if shared}
    if not samples:
        return field
    p_value = field.p_value.copy()
    is_tested = np.zeros(p_value.shape, np.bool_)
    for ((i, j), shared), test in zip(samples.items(), pair_tests(list(samples.values())), strict=True):
        wins = float(np.mean([probability_of_improvement(x, y) for x, y in shared]))
        sides = wins - 0.5, field.points[i] - field.points[j], field.matrix[i, j] - 0.5
        agree = min(sides) > ROUNDING or max(sides) < -ROUNDING
        p_value[i, j] = p_value[j, i] = max(test.p_value_joint, field.start_p_value[i, j]) if agree else 1.0
        is_tested[i, j] = is_tested[j, i] = True
    p_value = _shared_level(p_value, is_tested)
    better = (p_value <= 1 - level) & (np.subtract.outer(field.points, field.points) > ROUNDING)
    return dataclasses.replace(
        field,
        p_value=p_value,
        better=better,
        rank_low=np.minimum(1 + better.sum(0), field.rank),
        rank_high=np.maximum(len(better) - better.sum(1), field.rank),
    )


def _shared_level(p_value: Array, is_tested: Array) -> Array:
    """Returns p-values `[E, E]` that hold for both kinds of pairs together; `is_tested` `bool [E, E]` says of which kind each is."""
    pairs = np.triu(np.ones(p_value.shape, np.bool_), 1)
    together = p_value.copy()
    for own, other in ((is_tested, ~is_tested), (~is_tested, is_tested)):
        if (other & pairs).any():
            passed_on = np.maximum(p_value, min(1.0, 2.0 * p_value[other & pairs].max()))
            halved = np.minimum(1.0, 2.0 * p_value)
            together = np.where(own, np.minimum(halved, passed_on), together)
    return together


def _shared(samples: Samples) -> Samples:
    """Returns the samples of the environments in which both entrants played."""
    return [(x, y) for x, y in samples if len(x) and len(y)]


def _by_entrant(returns: Array, entrants: Array, num_entrants: int) -> list[Array]:
    return [returns[(entrants == entrant) & np.isfinite(returns)] for entrant in range(num_entrants)]
