"""Group-sequential permutation tests, which tell when to stop adding seeds (after AdaStop: Mathieu et al., 2023, arXiv:2306.10882).

Seeds come in groups; after each group a *look* decides which pairs of agents differ. The scores of two agents that do not differ can
be exchanged within each group, so relabelling them gives the distribution of the difference without any assumption about its shape. The
largest difference of the pairs still undecided is compared with a boundary. Relabelled data cross that boundary, over all looks together,
with probability `alpha` at most; `alpha` is spent in equal parts. After a pair is decided, the others are tested again without it
(step-down). Two things differ from AdaStop: after a step-down the smaller family is also tested at the earlier looks, with boundaries of
its own, and no pair is ever declared equal.
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
"""Verdict on the first of two agents, compared with the second."""
AgentNames = tuple[str, str]
"""Names of the two agents of a pair."""

NUM_RELABELLINGS = 10_000
"""Labellings behind each boundary, the observed one included. Fewer give coarser boundaries, never ones that are crossed more easily."""


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

    def __post_init__(self) -> None:
        if self.group_size < 2 or self.num_looks < 1 or not 0.0 < self.alpha < 1.0:
            raise ArenaError(f"{self}: group_size must be at least 2, num_looks at least 1, and alpha between 0 and 1")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decision:
    """What is known after the looks so far."""

    look: int
    """Number of looks so far; 0 while the first group is not complete."""
    verdicts: Mapping[AgentNames, Verdict]
    """Verdict on each pair (x, y), x before y as the agents were given: whether x is better than y."""
    next_seeds: Mapping[str, int]
    """Number of seeds that each agent must have for the next look; agents that need no more are missing."""

    @property
    def finished(self) -> bool:
        """Whether no more seeds are to be added: all pairs are decided, or the looks are used up."""
        return not self.next_seeds


def decide(
    scores: Mapping[str, Sequence[float]], rule: StoppingRule, *, seed: int = 0, num_relabellings: int = NUM_RELABELLINGS
) -> Decision:
    """Returns which pairs of agents are decided, and who needs more seeds. The same scores always give the same decision.

    Args:
        scores: agent -> one score for each seed, in the order of seeds (over several environments: the mean of the normalised scores).
            Scores beyond the last complete group are not used yet.
        rule: the rule of the experiment, the same at every call.
        seed: seed of the relabellings.
        num_relabellings: number of labellings B behind each boundary.

    Raises:
        ArenaError: if there are fewer than two agents, or a score is not finite.
    """
    arrays = _checked(scores)
    verdicts: dict[AgentNames, Verdict] = dict.fromkeys(itertools.combinations(scores, 2), "undecided")
    undecided = list(verdicts)
    statistics: dict[AgentNames, list[Array]] = {pair: [] for pair in verdicts}  # [B] at each look: sum of x's scores minus sum of y's
    look = 0
    while undecided and look < rule.num_looks:
        needed = (look + 1) * rule.group_size
        if any(len(arrays[agent]) < needed for pair in undecided for agent in pair):
            break
        signs = _signs(rule.group_size, num_relabellings, seed, look)  # [B, 2 * group_size]
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


def _checked(scores: Mapping[str, Sequence[float]]) -> dict[str, Array]:
    if len(scores) < 2:
        raise ArenaError(f"a sequential comparison needs at least two agents, got {list(scores)}")
    arrays = {agent: np.asarray(values, np.float64) for agent, values in scores.items()}
    for agent, values in arrays.items():
        if not np.isfinite(values).all():
            raise ArenaError(f"a score of {agent!r} is not finite; score failed runs at the environment's floor")
    return arrays


def _signs(group_size: int, num_relabellings: int, seed: int, look: int) -> Array:
    """Returns labellings `[B, 2 * group_size]`: +1 for a score of the first agent, -1 for one of the second; row 0 is as observed."""
    rng = relabelling_rng(seed, look)
    observed = np.repeat([1.0, -1.0], group_size)
    relabelled = rng.permuted(np.broadcast_to(observed, (num_relabellings - 1, 2 * group_size)), axis=1)
    return np.concatenate([observed[None], relabelled])


def _crossing(family: list[AgentNames], statistics: Mapping[AgentNames, list[Array]], rule: StoppingRule) -> AgentNames | None:
    """Returns the pair with the largest difference at the first look at which the family crosses its boundary, or None."""
    looks = statistics[family[0]]
    num_relabellings = len(looks[0])
    is_left = np.ones(num_relabellings, np.bool_)  # relabellings that have crossed at no earlier look
    num_spent = 0
    for look in range(len(looks)):
        differences = np.abs([statistics[pair][look] for pair in family])  # [pairs, B]
        largest = differences.max(0)  # [B]
        allowed = int(rule.alpha * (look + 1) / rule.num_looks * num_relabellings + 1e-9) - num_spent
        crossed = is_left & (largest > _boundary(largest[is_left], allowed))
        if crossed[0]:
            return family[int(differences[:, 0].argmax())]
        num_spent += int(crossed.sum())
        is_left &= ~crossed
    return None


def _boundary(values: Array, allowed: int) -> float:
    """Returns the smallest of `values` that at most `allowed` of them exceed, up to rounding."""
    if allowed >= len(values):
        return -np.inf
    ascending = np.sort(values)
    boundary = float(ascending[len(values) - 1 - allowed])
    return boundary + 1e-9 * max(1.0, abs(boundary))  # sums in another order differ in the last bits, and are ties
