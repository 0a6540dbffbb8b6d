"""All pairs of agents compared: probability of improvement, and p-values that are corrected for the number of pairs."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from arena.statistics.estimate import Estimate
from arena.statistics.improvement import improvement
from arena.statistics.pair_tests import Basis, pair_tests

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AgentPair:
    """Whether agent `x` is better than agent `y`, over the environments that both were trained on."""

    x: str
    """Name of the first agent."""
    y: str
    """Name of the second agent, after `x` in the alphabet."""
    probability: Estimate
    """Probability that a run of x returns more than a run of y on the same environment, ties half; mean over environments."""
    p_value: float
    """Two-sided p-value of this pair alone (`arena.statistics.pair_tests`)."""
    p_value_joint: float
    """`p_value` corrected for all pairs that were tested together."""
    basis: Basis
    """What the test rests on: `ranks`, `means`, or `nothing` if the seeds are too few for any decision."""
    envs: tuple[str, ...]
    """Environments that both agents were trained on."""


def compare_all(returns: Mapping[str, Mapping[str, Array]], *, confidence: float = 0.95, seed: int = 0) -> tuple[AgentPair, ...]:
    """Returns every pair of agents that share an environment, by name, with p-values corrected for all pairs together.

    Args:
        returns: agent -> environment -> mean final return of each seed `[S]`.
        confidence: probability that an interval holds the true value.
        seed: seed of the permutations.
    """
    shared = {
        (x, y): envs
        for x, y in itertools.combinations(sorted(returns), 2)
        if (envs := tuple(env for env in returns[x] if env in returns[y]))
    }
    samples = [[(returns[x][env], returns[y][env]) for env in envs] for (x, y), envs in shared.items()]
    return tuple(
        AgentPair(x=x, y=y, probability=improvement(own, confidence=confidence), **dataclasses.asdict(test), envs=envs)
        for ((x, y), envs), own, test in zip(shared.items(), samples, pair_tests(samples, seed=seed), strict=True)
    )
