"""The smallest difference between two agents that so many seeds can show, known before anything runs.

Differences are counted in standard deviations between the seeds of one agent, for seeds that are normal and spread alike, and as the chance
that a run of the better agent returns more: Phi(d / sqrt(2)) for d standard deviations. Where seeds have long tails or fail at times, the
difference that can be shown is larger in standard deviations, and about the same as a chance.
"""

import dataclasses
import math

from scipy import optimize, stats

from arena.statistics.pair_tests import MAX_ERROR, RANK_SEEDS, basis_of, seeds_to_decide

POWER = 0.8
"""Probability with which the smallest difference is decided."""

_EFFICIENCY = 3.0 / math.pi
"""Seeds by means that are worth one seed by ranks, if seeds are normal (Hodges and Lehmann, 1956)."""
_LARGEST = 100.0
"""Standard deviations beyond which no difference is looked for."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SmallestDifference:
    """A difference that is decided with probability `POWER`."""

    num_seeds: int
    """Seeds of each agent, on each environment."""
    num_pairs: int
    """Pairs of agents that are tested together."""
    num_envs: int
    """Environments on each of which the agents differ by that much."""
    deviations: float | None
    """The difference in standard deviations between seeds; None if these seeds cannot decide anything."""

    @property
    def probability(self) -> float | None:
        """The chance that a run of the better agent returns more; None if these seeds cannot decide anything."""
        return None if self.deviations is None else float(stats.norm.cdf(self.deviations / math.sqrt(2.0)))

    def sentence(self) -> str:
        """Returns what these seeds can show, in words."""
        agents = f"{self.num_seeds} seeds of each agent"
        if self.deviations is None or self.probability is None:
            return (
                f"{agents} cannot decide who beats whom, whatever the runs return: at least {seeds_to_decide(self.num_envs)} seeds are "
                "needed."
            )
        chance = "over 99%" if self.probability > 0.99 else f"{self.probability:.0%}"
        return (
            f"{agents} decide a pair with probability {POWER:.0%} if the runs of the better one return more {chance} of the time "
            f"({self.deviations:.1f} standard deviations between normal seeds); smaller differences often stay undecided."
        )


def smallest_difference(num_seeds: int, num_pairs: int, num_envs: int = 1, *, level: float = MAX_ERROR) -> SmallestDifference:
    """Returns the smallest difference that is decided with probability `POWER`, if all other pairs of agents are equal.

    It follows from the noncentral t distribution of the test of means at the level that Holm's procedure leaves for the first of the pairs.

    Args:
        num_seeds: seeds of each agent, on each environment.
        num_pairs: pairs of agents that are tested together.
        num_envs: environments, on each of which the agents differ by that much.
        level: largest probability of any wrong claim, over all pairs together.
    """
    common = {"num_seeds": num_seeds, "num_pairs": num_pairs, "num_envs": num_envs}
    basis = basis_of([(num_seeds, num_seeds)] * num_envs)
    if basis == "nothing":
        return SmallestDifference(**common, deviations=None)
    degrees = 2 * (num_seeds - 1) * num_envs
    critical = float(stats.t.isf(level / max(num_pairs, 1) / 2.0, degrees))
    worth = _EFFICIENCY if num_seeds >= RANK_SEEDS else 1.0

    def missing(deviations: float) -> float:
        return float(stats.nct.sf(critical, degrees, deviations * math.sqrt(worth * num_envs * num_seeds / 2.0))) - POWER

    return SmallestDifference(**common, deviations=float(optimize.brentq(missing, 1e-6, _LARGEST)))
