"""All pairs of agents compared: probability of improvement, and p-values that are corrected for the number of pairs."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

from arena.statistics.estimate import Estimate
from arena.statistics.improvement import Samples, improvement
from arena.statistics.pair_tests import MAX_ERROR, Basis, pair_tests

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
    apart_at_most: float | None
    """Largest distance of the true `probability` from an even chance that is not excluded; None without an interval.

    Two one-sided tests (Schuirmann, 1987), for all pairs together: the pair is equal within any distance above this one.
    """
    envs: tuple[str, ...]
    """Environments that both agents were trained on."""

    @property
    def claim(self) -> tuple[str, str] | None:
        """The better and the worse of the two agents; None if it is not decided."""
        if self.p_value_joint > MAX_ERROR:
            return None
        return (self.x, self.y) if self.probability.value > 0.5 else (self.y, self.x)


def compare_all(returns: Mapping[str, Mapping[str, Array]], *, confidence: float = 0.95, seed: int = 0) -> tuple[AgentPair, ...]:
    """Returns every pair of agents that share an environment, by name, with p-values corrected for all pairs together.

    Args:
        returns: agent -> environment -> mean final return of each seed `[S]`.
        confidence: probability that an interval holds the true value.
        seed: seed of the permutations.
    """
    return _compared(returns, _shared(returns), confidence, seed)


def compare_on_each(returns: Mapping[str, Mapping[str, Array]], *, confidence: float = 0.95, seed: int = 0) -> tuple[AgentPair, ...]:
    """Returns every pair of agents on each environment alone, with p-values corrected for all of these together.

    The arguments are those of `compare_all`.
    """
    alone = [(x, y, (env,)) for x, y, envs in _shared(returns) for env in envs]
    return _compared(returns, alone, confidence, seed)


def _shared(returns: Mapping[str, Mapping[str, Array]]) -> list[tuple[str, str, tuple[str, ...]]]:
    """Returns all pairs of agents, by name, with the environments that both were trained on; pairs without any are left out."""
    pairs = itertools.combinations(sorted(returns), 2)
    return [(x, y, envs) for x, y in pairs if (envs := tuple(env for env in returns[x] if env in returns[y]))]


def _compared(
    returns: Mapping[str, Mapping[str, Array]], pairs: Sequence[tuple[str, str, tuple[str, ...]]], confidence: float, seed: int
) -> tuple[AgentPair, ...]:
    samples = [[(returns[x][env], returns[y][env]) for env in envs] for x, y, envs in pairs]
    return tuple(
        AgentPair(
            x=x,
            y=y,
            probability=improvement(own, confidence=confidence),
            **dataclasses.asdict(test),
            apart_at_most=apart_at_most(own, num_pairs=len(samples)),
            envs=envs,
        )
        for (x, y, envs), own, test in zip(pairs, samples, pair_tests(samples, seed=seed), strict=True)
    )


def apart_at_most(samples: Samples, *, num_pairs: int = 1, level: float = MAX_ERROR) -> float | None:
    """Returns the largest distance of P(improvement) from an even chance that is not excluded; None without an interval.

    Args:
        samples: one pair of arrays `[S]`, `[R]` for each environment.
        num_pairs: pairs that are tested together; each of the two one-sided tests has its share of `level` (Bonferroni).
        level: probability of any wrong claim that two agents are equal, over all pairs.
    """
    probability = improvement(samples, confidence=max(0.0, 1.0 - 2.0 * level / num_pairs))
    if probability.low is None or probability.high is None:
        return None
    return max(probability.high - 0.5, 0.5 - probability.low)
