"""Tests of who beats whom, for all pairs of agents at once: a run of A returns more than a run of B more often than not.

A pair is decided if two tests agree, each of which holds its level over all pairs together (docs/verdicts.md has the measured levels):

- *Permutation.* Runs are exchanged between the two agents, within each environment. The largest statistic over all pairs says how far
  apart chance alone would put any two agents; the pair that is furthest apart is decided first, then the others without it (step-down:
  Westfall and Young, 1993). All pairs are relabelled alike, so no pair has to pay for the others as in Holm's procedure. This test
  rests on nothing but that equal agents are alike.
- *Unequal spread.* If two agents are equally likely to win but spread differently, exchanging their runs is not enough. So the same
  statistic is compared with Student's t at Satterthwaite's degrees of freedom, corrected by Holm's procedure.

From `RANK_SEEDS` seeds of both agents, the statistic is that of P(improvement), from ranks alone. With fewer seeds, ranks cannot tell
a difference of many standard deviations from a small one: the statistic is then that of mean returns, which rests on seeds that are
roughly normal, and the means must differ in the same direction as P(improvement). If there are too few labellings, nothing can be
decided: with 3 seeds each on one environment, one labelling in ten puts all runs of one agent first, whatever they returned.
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from arena.statistics.improvement import Samples, probability_of_improvement
from arena.statistics.multiple_tests import holm
from arena.statistics.pair_statistics import Labelled, by_means, by_ranks, labellings

Array = npt.NDArray[Any]
Basis = Literal["ranks", "means", "nothing"]
"""What a test of a pair rests on; `nothing` if the seeds are too few for any decision."""

NUM_LABELLINGS = 5_000
"""Labellings behind each p-value, the observed one included."""
RANK_SEEDS = 10
"""Smallest number of seeds of both agents for a test by ranks."""
MAX_ERROR = 0.05
"""Largest probability of any wrong claim, over all pairs together."""


@dataclasses.dataclass(frozen=True)
class PairTest:
    """The test of one pair."""

    p_value: float
    """Two-sided p-value of the pair alone; 1 if it rests on `nothing`."""
    p_value_joint: float
    """`p_value` corrected for all pairs that were tested together; 1 if it rests on `nothing`."""
    basis: Basis
    """What the test rests on."""


def pair_tests(pairs: Sequence[Samples], *, seed: int = 0, num_labellings: int = NUM_LABELLINGS) -> list[PairTest]:
    """Returns the test of every pair, in their order. The same runs always give the same p-values.

    Args:
        pairs: two agents' returns, one pair of arrays `[S]`, `[R]` for each environment that both were trained on.
        seed: seed of the labellings.
        num_labellings: number of labellings B.
    """
    bases = [basis_of([(len(x), len(y)) for x, y in samples]) for samples in pairs]
    tested = [index for index, basis in enumerate(bases) if basis != "nothing"]
    if not tested:
        return [PairTest(1.0, 1.0, "nothing") for _ in pairs]
    drawn: dict[tuple[int, int, int], Array] = {}
    statistics = np.zeros((len(tested), num_labellings))
    approximate, agrees = np.ones(len(tested)), np.ones(len(tested), np.bool_)
    for row, index in enumerate(tested):
        sizes = [(env, len(x), len(y)) for env, (x, y) in enumerate(pairs[index])]
        for env, num_first, num_second in set(sizes) - drawn.keys():
            drawn[env, num_first, num_second] = labellings(num_first, num_second, num_labellings, seed + env)
        labels = [drawn[size] for size in sizes]
        labelled = (by_ranks if bases[index] == "ranks" else by_means)(pairs[index], labels)
        statistics[row], approximate[row] = np.abs(labelled.t), _approximate(labelled)
        wins = np.mean([probability_of_improvement(x, y) for x, y in pairs[index]]) - 0.5
        agrees[row] = np.sign(np.round(wins, 9)) == np.sign(labelled.difference[0])
    own, joint = _step_down(statistics)
    alone = np.where(agrees, np.maximum(own, approximate), 1.0)
    together = np.where(agrees, np.maximum(joint, holm(approximate)), 1.0)
    found = {index: PairTest(float(alone[row]), float(together[row]), bases[index]) for row, index in enumerate(tested)}
    return [found.get(index, PairTest(1.0, 1.0, "nothing")) for index in range(len(pairs))]


def basis_of(num_seeds: Sequence[tuple[int, int]]) -> Basis:
    """Returns what the test of a pair would rest on.

    Args:
        num_seeds: seeds of both agents, on each environment.
    """
    if min(map(min, num_seeds)) < 2:
        return "nothing"
    # Two labellings, the observed one and its opposite, put the agents as far apart as they can be.
    smallest = 2.0 / math.prod(math.comb(first + second, first) for first, second in num_seeds)
    if smallest > MAX_ERROR:
        return "nothing"
    return "ranks" if min(map(min, num_seeds)) >= RANK_SEEDS else "means"


def seeds_to_decide(num_envs: int = 1) -> int:
    """Returns the smallest number of seeds of both agents, on each of so many environments, with which a pair can be decided."""
    return next(count for count in itertools.count(2) if basis_of([(count, count)] * num_envs) != "nothing")


def _approximate(labelled: Labelled) -> float:
    """Returns the two-sided p-value of the observed statistic by Student's t."""
    degrees = labelled.variance.degrees[0] if labelled.variance.variance[0] > labelled.floor else math.inf
    return float(2.0 * stats.t.sf(abs(labelled.t[0]), degrees))


def _step_down(statistics: Array) -> tuple[Array, Array]:
    """Returns the p-values `[pairs]` of each pair alone and of all together, from statistics `[pairs, B]` of which column 0 is observed."""
    observed = statistics[:, 0] * (1.0 - 1e-9) - 1e-12  # sums in another order differ in the last bits, and are ties
    own = (statistics >= observed[:, None]).mean(1)
    order = np.argsort(-statistics[:, 0], kind="stable")
    joint, largest, below = np.empty(len(order)), np.zeros(statistics.shape[1]), []
    for row in order[::-1]:  # from the pair that is least apart: the maximum over it and those before
        largest = np.maximum(largest, statistics[row])
        below.append((largest >= observed[row]).mean())
    joint[order] = np.maximum.accumulate(below[::-1])
    return own, joint
