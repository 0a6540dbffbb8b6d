"""When to stop adding seeds: group-sequential permutation tests in the manner of AdaStop (Mathieu et al., 2023, arXiv:2306.10882).

Seeds come in groups; after each group a *look* decides which pairs of agents differ. The scores of two agents that do not differ can
be exchanged within each group, so relabelling them gives the distribution of the difference without any assumption of its shape. The
largest difference of the pairs still undecided is held against the boundary that, over all looks together, such relabelled data cross
with probability `alpha` at most; `alpha` is spent in equal parts. After a pair is decided, the others are tested again without it
(step-down). Differs from AdaStop: after a step-down the smaller family is also tested at the earlier looks, with boundaries of its
own, and no pair is ever declared equal.
"""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError
from arena.seeding import relabelling_rng

Array = npt.NDArray[Any]
Verdict = Literal["better", "worse", "undecided"]
AgentNames = tuple[str, str]

NUM_RELABELLINGS = 10_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoppingRule:
    """A sequential comparison, fixed before the first look."""

    group_size: int = 5
    """New seeds of every agent still compared, at each look."""
    num_looks: int = 4
    """At most; `group_size * num_looks` seeds are the most that an agent gets."""
    alpha: float = 0.05
    """Probability of any wrong claim, over all pairs and all looks together."""

    def __post_init__(self) -> None:
        if self.group_size < 2 or self.num_looks < 1 or not 0.0 < self.alpha < 1.0:
            raise ArenaError(f"{self}: group_size must be at least 2, num_looks at least 1, and alpha between 0 and 1")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decision:
    """What is known after the looks so far."""

    look: int
    """Complete looks, from 1; 0 while the first group is not complete."""
    verdicts: Mapping[AgentNames, Verdict]
    """Of each pair (x, y), x before y as the agents were given: whether x is better than y."""
    next_seeds: Mapping[str, int]
    """How many seeds each agent must have for the next look; agents that need no more are missing."""

    @property
    def finished(self) -> bool:
        """Whether no more seeds are to be added: all pairs are decided, or the looks are used up."""
        return not self.next_seeds


def decide(scores: Mapping[str, Sequence[float]], rule: StoppingRule, *, seed: int = 0) -> Decision:
    """Returns which pairs of agents are decided, and who needs more seeds. The same scores always decide the same.

    Args:
        scores: of each agent, one for each seed in the order of seeds (over several environments: the mean of the normalised
            scores); scores beyond the last complete group are not looked at yet.
        rule: the same at every call of one experiment.
        seed: of the relabellings.

    Raises:
        ArenaError: if there are fewer than two agents, or a score is not finite.
    """
    if len(scores) < 2:
        raise ArenaError(f"a sequential comparison needs at least two agents, got {list(scores)}")
    arrays = {agent: np.asarray(values, np.float64) for agent, values in scores.items()}
    for agent, values in arrays.items():
        if not np.isfinite(values).all():
            raise ArenaError(f"a score of {agent!r} is not finite; score failed runs at the environment's floor")
    verdicts: dict[AgentNames, Verdict] = dict.fromkeys(itertools.combinations(scores, 2), "undecided")
    undecided = list(verdicts)
    statistics: dict[AgentNames, list[Array]] = {pair: [] for pair in verdicts}
    look = 0
    while undecided and look < rule.num_looks:
        needed = (look + 1) * rule.group_size
        if any(len(arrays[agent]) < needed for pair in undecided for agent in pair):
            break
        signs = _signs(rule.group_size, seed, look)
        for x, y in undecided:
            group = slice(look * rule.group_size, needed)
            pooled = np.concatenate([arrays[x][group], arrays[y][group]])
            before = statistics[x, y][-1] if look else 0.0
            statistics[x, y].append(before + signs @ pooled)
        look += 1
        while undecided and (crossing := _crossing(undecided, statistics, rule)) is not None:
            undecided.remove(crossing)
            verdicts[crossing] = "better" if statistics[crossing][-1][0] > 0 else "worse"
    wanted = () if look == rule.num_looks else {agent for pair in undecided for agent in pair}
    next_seeds = {agent: (look + 1) * rule.group_size for agent in scores if agent in wanted}
    return Decision(look=look, verdicts=verdicts, next_seeds=next_seeds)


def _signs(group_size: int, seed: int, look: int) -> Array:
    """Returns `[B, 2 * group_size]`: +1 where a score counts for the first agent, -1 for the second; row 0 is as observed."""
    rng = relabelling_rng(seed, look)
    observed = np.repeat([1.0, -1.0], group_size)
    relabelled = rng.permuted(np.broadcast_to(observed, (NUM_RELABELLINGS - 1, 2 * group_size)), axis=1)
    return np.concatenate([observed[None], relabelled])


def _crossing(family: list[AgentNames], statistics: Mapping[AgentNames, list[Array]], rule: StoppingRule) -> AgentNames | None:
    """Returns the pair with the largest difference at the first look at which the family crosses its boundary, or None."""
    num_left = np.ones(NUM_RELABELLINGS, np.bool_)  # relabellings that have crossed at no earlier look
    num_spent = 0
    for look in range(len(statistics[family[0]])):
        differences = np.abs([statistics[pair][look] for pair in family])  # [F, B]
        largest = differences.max(0)  # [B]
        allowed = int(rule.alpha * (look + 1) / rule.num_looks * NUM_RELABELLINGS + 1e-9) - num_spent
        crossed = num_left & (largest > _boundary(largest[num_left], allowed))
        if crossed[0]:
            return family[int(differences[:, 0].argmax())]
        num_spent += int(crossed.sum())
        num_left &= ~crossed
    return None


def _boundary(values: Array, allowed: int) -> float:
    """Returns the smallest of `values` that at most `allowed` of them exceed, up to rounding."""
    if allowed >= len(values):
        return -np.inf
    ascending = np.sort(values)
    boundary = float(ascending[len(values) - 1 - allowed])
    return boundary + 1e-9 * max(1.0, abs(boundary))  # sums in another order differ in the last bits, and are ties
