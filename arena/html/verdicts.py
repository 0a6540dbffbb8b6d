"""Sentences that say who is ahead, and claim no more than was decided."""

import itertools
from collections.abc import Callable, Mapping, Sequence

from arena.formats.readable import listed


def verdict(
    order: Sequence[str], decided: Callable[[str, str], bool], *, ranks: Mapping[str, int] | None = None, quantity: str = ""
) -> str:
    """Returns who is ahead, what is not decided, and by what the names are ranked.

    Args:
        order: names, best first.
        decided: whether the first name is better than the second, at the level of the page.
        ranks: rank of each name; equal ones share a rank. None means that no two are equal.
        quantity: number that ranks, as a noun phrase.
    """
    if not order:
        return "There is nobody to compare."
    if len(order) == 1:
        return f"{order[0]} is alone here: there is nobody to compare it with."
    leaders = [name for name in order if ranks is not None and ranks[name] == ranks[order[0]]] or [order[0]]
    others = [name for name in order if name not in leaders]
    open_to = [name for name in others if not all(decided(leader, name) for leader in leaders)]
    start = _shared(leaders, others, open_to) if len(leaders) > 1 else _alone(leaders[0], others, open_to)
    against = [f"{name} is decided to be better than {leader}" for leader in leaders for name in others if decided(name, leader)]
    otherwise = f"The order is not that of the decisions: {listed(against)}." if against else ""
    by = f"Ranked by {quantity}." if quantity else ""
    return " ".join(part for part in (start, otherwise, undecided(others, decided), by) if part)


def _alone(leader: str, others: Sequence[str], open_to: Sequence[str]) -> str:
    if not open_to:
        return f"{leader} is ahead of {'the other' if len(others) == 1 else 'all others'}."
    if len(open_to) == len(others):
        return f"Nobody is ahead: {leader} does best here, but that it is better than {listed(open_to, 'or')} is not decided."
    return f"{leader} leads; whether it is better than {listed(open_to, 'or')} is not decided."


def _shared(leaders: Sequence[str], others: Sequence[str], open_to: Sequence[str]) -> str:
    if not others:
        return f"Nobody is ahead: {listed(leaders)} are equal."
    if not open_to:
        return (
            f"{listed(leaders)} are equal and share the first rank; each is ahead of {'the other' if len(others) == 1 else 'all others'}."
        )
    if len(open_to) == len(others):
        better = f"that they are better than {listed(open_to, 'or')} is not decided"
        return f"Nobody is ahead: {listed(leaders)} are equal and do best here, but {better}."
    each = "both" if len(leaders) == 2 else "all"
    return f"{listed(leaders)} are equal and share the first rank; whether {each} are better than {listed(open_to, 'or')} is not decided."


def undecided(order: Sequence[str], decided: Callable[[str, str], bool]) -> str:
    """Returns the sentence about neighbours in the order between whom nothing is decided; empty if there are none."""
    pairs = [(a, b) for a, b in itertools.pairwise(order) if not decided(a, b) and not decided(b, a)]
    if not pairs:
        return ""
    if len(pairs) == 1:
        return f"Between {pairs[0][0]} and {pairs[0][1]} nothing is decided."
    return f"Nothing is decided between {listed([f'{a} and {b}' for a, b in pairs], 'or', comma='; ')}."
