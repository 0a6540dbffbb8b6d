"""When to stop adding seeds: AdaStop's group-sequential permutation tests (Mathieu et al., 2023, arXiv:2306.10882)."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

Verdict = Literal["better", "worse", "undecided"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """A sequential comparison, fixed before the first look."""

    group_size: int = 5
    """New seeds of every agent still compared, at each look."""
    num_looks: int = 4
    """At most; `group_size * num_looks` seeds are the most that an agent gets."""
    alpha: float = 0.05
    """Probability of any wrong claim, over all pairs and all looks together."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decision:
    """What is known after the looks so far."""

    look: int
    """Complete looks, from 1; 0 while the first group is not complete."""
    verdicts: Mapping[tuple[str, str], Verdict]
    """Of each pair (x, y), x before y as the agents were given: whether x is better than y."""
    next_seeds: Mapping[str, int]
    """How many seeds each agent must have for the next look; agents that need no more are missing."""

    @property
    def finished(self) -> bool:
        """Whether no more seeds are to be added: all pairs are decided, or the looks are used up."""
        return not self.next_seeds


def decide(scores: Mapping[str, Sequence[Sequence[float]]], plan: Plan, *, seed: int = 0) -> Decision:
    """Returns which pairs of agents are decided, and who needs more seeds. A pure function: the same scores decide the same."""
    raise NotImplementedError
