"""Group-sequential tests, which tell when to stop adding seeds (after AdaStop: Mathieu et al., 2023, arXiv:2306.10882).

Seeds come in groups; after each group a *look* decides which pairs of agents differ. Each look is a joint test of all pairs that are still
undecided (`arena.statistics.pair_tests`), on all seeds so far: the same test, and so the same meaning of "beats", as in a report. A
decision needs a p-value of `alpha` over the number of looks, so that the probability of any wrong claim, over all looks together, is
`alpha` at most. A less strict level, which counts on looks being alike (Pocock, 1977), found a tenth more and claimed too much where
agents spread differently. AdaStop looks at means.

A pair can also be decided to be equal, as AdaStop's pairs can, if the rule says how far apart equal agents may be: neither returns more
than the other over 75% of the time, say. Two one-sided tests then look at all pairs at the level of one look, so that the probability of
any wrong "equal", over all pairs and looks, is `alpha` at most as well.
"""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError
from arena.statistics.comparison import apart_at_most
from arena.statistics.improvement import Samples, probability_of_improvement
from arena.statistics.pair_tests import NUM_LABELLINGS, pair_tests

Array = npt.NDArray[Any]
Verdict = Literal["better", "worse", "equal", "undecided"]
"""Verdict on the first of two agents, compared with the second."""
AgentNames = tuple[str, str]
"""Names of the two agents of a pair."""
Returns = Mapping[str, Mapping[str, Sequence[float]]]
"""Agent -> environment -> one number for each seed, in the order of seeds, by which runs are compared."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoppingRule:
    """The rule of a sequential comparison, fixed before the first look.

    Raises:
        ArenaError: if a number is out of range.
    """

    group_size: int = 5
    """New seeds, at each look, of every agent still compared."""
    num_looks: int = 4
    """Largest number of looks; no agent gets more than `group_size * num_looks` seeds."""
    alpha: float = 0.05
    """Largest probability of any wrong claim, over all pairs and all looks together."""

    equal_within: float | None = None
    """Distance of P(improvement) from an even chance within which two agents are equal; None if no pair is ever declared equal."""

    @property
    def level_of_looks(self) -> float:
        """Largest probability of any wrong claim at one look, over all pairs together."""
        return self.alpha / self.num_looks

    def __post_init__(self) -> None:
        if self.group_size < 2 or self.num_looks < 1 or not 0.0 < self.alpha < 1.0:
            raise ArenaError(f"{self}: group_size must be at least 2, num_looks at least 1, and alpha between 0 and 1")
        if self.equal_within is not None and not 0.0 < self.equal_within < 0.5:
            raise ArenaError(f"{self}: equal_within must lie between 0 and 0.5")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decision:
    """What is known after the looks so far."""

    look: int
    """Number of looks so far; 0 while the first group is not complete."""
    verdicts: Mapping[AgentNames, Verdict]
    """Verdict on each pair (x, y), x before y as the agents were given: whether x beats y."""
    next_seeds: Mapping[str, int]
    """Number of seeds that each agent must have for the next look; agents that need no more are missing."""

    @property
    def finished(self) -> bool:
        """Whether no more seeds are to be added: all pairs are decided, or the looks are used up."""
        return not self.next_seeds


def decide(returns: Returns, rule: StoppingRule, *, seed: int = 0, num_labellings: int = NUM_LABELLINGS) -> Decision:
    """Returns which pairs of agents are decided, and who needs more seeds. The same returns always give the same decision.

    Args:
        returns: the numbers by which runs are compared; all agents have the same environments. Seeds beyond the last complete group are
            not used yet.
        rule: the rule of the experiment, the same at every call.
        seed: seed of the labellings.
        num_labellings: number of labellings behind each p-value.

    Raises:
        ArenaError: if there are fewer than two agents, or a number is not finite.
    """
    arrays = _checked(returns)
    verdicts: dict[AgentNames, Verdict] = dict.fromkeys(itertools.combinations(returns, 2), "undecided")
    undecided = list(verdicts)
    look = 0
    while undecided and look < rule.num_looks:
        needed = (look + 1) * rule.group_size
        if any(len(values) < needed for pair in undecided for agent in pair for values in arrays[agent]):
            break
        look += 1
        samples = [[(x[:needed], y[:needed]) for x, y in zip(arrays[one], arrays[two], strict=True)] for one, two in undecided]
        tests = pair_tests(samples, seed=seed, num_labellings=num_labellings)
        for pair, own, test in zip(tuple(undecided), samples, tests, strict=True):
            if test.p_value_joint <= rule.level_of_looks:
                undecided.remove(pair)
                wins = np.mean([probability_of_improvement(x, y) for x, y in own])
                verdicts[pair] = "better" if wins > 0.5 else "worse"
            elif _is_equal(own, rule, len(verdicts)):
                undecided.remove(pair)
                verdicts[pair] = "equal"
    wanted = () if look == rule.num_looks else {agent for pair in undecided for agent in pair}
    next_seeds = {agent: (look + 1) * rule.group_size for agent in returns if agent in wanted}
    return Decision(look=look, verdicts=verdicts, next_seeds=next_seeds)


def _is_equal(samples: Samples, rule: StoppingRule, num_pairs: int) -> bool:
    """Returns whether two agents are equal by the rule at one look, at which all pairs may be tested."""
    if rule.equal_within is None:
        return False
    apart = apart_at_most(samples, num_pairs=num_pairs, level=rule.level_of_looks)
    return apart is not None and apart <= rule.equal_within


def _checked(returns: Returns) -> dict[str, list[Array]]:
    """Returns the numbers of each agent, one array for each environment."""
    if len(returns) < 2:
        raise ArenaError(f"a sequential comparison needs at least two agents, got {list(returns)}")
    envs = next(iter(returns.values()))
    arrays = {agent: [np.asarray(by_env[env], np.float64) for env in envs] for agent, by_env in returns.items()}
    for agent, values in arrays.items():
        if not all(np.isfinite(own).all() for own in values):
            raise ArenaError(f"a return of {agent!r} is not finite; a failed run takes a number below all others")
    return arrays
