"""Circles: A beats B, B beats C, C beats A. No one number orders those who run in one."""

import dataclasses
import heapq
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True)
class Circle:
    """The most certain circle of a group."""

    members: tuple[int, ...]
    """Numbers of those in the circle: each beats the next, and the last beats the first."""
    certainty: float
    """Bound on the probability that all of its claims are true: 1 minus the largest p-value among them, corrected for all pairs."""


def strong_components(graph: Array) -> list[list[int]]:
    """Returns the strongly connected components of more than one node, sorted, from the adjacency matrix `bool [E, E]`."""
    _, label = scipy.sparse.csgraph.connected_components(scipy.sparse.csr_array(graph), connection="strong")
    groups = [np.flatnonzero(label == value).tolist() for value in np.unique(label)]
    return sorted(group for group in groups if len(group) > 1)


def circles(beats: Array, p_value: Array) -> list[Circle]:
    """Returns the most certain circle of each group whose members beat each other in circles; the shortest of equally certain ones.

    Args:
        beats: `bool [E, E]`, whether i beats j, as decided.
        p_value: `float64 [E, E]`, p-values of the pairs, corrected for all of them.
    """
    found = []
    for group in strong_components(beats):
        within = np.zeros_like(beats)
        within[np.ix_(group, group)] = beats[np.ix_(group, group)]
        best = min((circle for first in group if (circle := _best_through(first, within, p_value))), key=lambda circle: circle[:2])
        largest, _, members = best
        found.append(Circle(members, 1.0 - largest))
    return found


def _best_through(first: int, beats: Array, p_value: Array) -> tuple[float, int, tuple[int, ...]] | None:
    """Returns the circle through `first` whose largest p-value is smallest: that value, its length, its members; None without any."""
    queue: list[tuple[float, int, tuple[int, ...]]] = [(0.0, 1, (first,))]
    done: set[int] = set()
    while queue:
        largest, length, path = heapq.heappop(queue)
        if length > 1 and path[-1] == first:
            return largest, length - 1, path[:-1]
        if length > 1 and path[-1] in done:
            continue
        done |= {path[-1]} if length > 1 else set()
        for other in np.flatnonzero(beats[path[-1]]).tolist():
            heapq.heappush(queue, (max(largest, float(p_value[path[-1], other])), length + 1, (*path, other)))
    return None


def in_words(circle: Circle, names: list[str]) -> str:
    """Returns a circle as a sentence without its full stop: `a beats b, b beats c, c beats a (certainty 98.1%)`."""
    members = [names[member] for member in circle.members]
    claims = [f"{one} beats {other}" for one, other in zip(members, members[1:] + members[:1], strict=True)]
    return f"{', '.join(claims)} (certainty {100 * np.floor(1000 * circle.certainty) / 1000:.1f}%)"
