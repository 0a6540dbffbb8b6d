"""Sentences that say who is ahead, and claim no more than was decided."""

import itertools
from collections.abc import Callable, Sequence

from arena.formats.readable import listed


def verdict(order: Sequence[str], decided: Callable[[str, str], bool]) -> str:
    """Returns who is ahead, and what is not decided.

    Args:
        order: names, best first.
        decided: whether the first name is better than the second, at the level of the page.
    """
    if not order:
        return "There is nobody to compare."
    if len(order) == 1:
        return f"{order[0]} is alone here: there is nobody to compare it with."
    leader, *others = order
    open_to = [name for name in others if not decided(leader, name)]
    if not open_to:
        start = f"{leader} is ahead of {'the other' if len(others) == 1 else 'all others'}."
    elif len(open_to) == len(others):
        start = f"Nobody is ahead: {leader} does best here, but that it is better than {listed(open_to, 'or')} is not decided."
    else:
        start = f"{leader} leads; whether it is better than {listed(open_to, 'or')} is not decided."
    return f"{start} {undecided(others, decided)}".strip()


def undecided(order: Sequence[str], decided: Callable[[str, str], bool]) -> str:
    """Returns the sentence about neighbours in the order between whom nothing is decided; empty if there are none."""
    pairs = [(a, b) for a, b in itertools.pairwise(order) if not decided(a, b) and not decided(b, a)]
    if not pairs:
        return ""
    if len(pairs) == 1:
        return f"Between {pairs[0][0]} and {pairs[0][1]} nothing is decided."
    return f"Nothing is decided between {listed([f'{a} and {b}' for a, b in pairs], 'or', comma='; ')}."
