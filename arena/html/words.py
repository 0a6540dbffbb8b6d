"""What the numbers say, in sentences that claim no more than was decided."""

import itertools
from collections.abc import Callable, Sequence


def verdict(order: Sequence[str], decided: Callable[[str, str], bool]) -> str:
    """Returns who is ahead, and what is not decided.

    Args:
        order: names, best first.
        decided: whether the first is better than the second, at the level of the page.
    """
    if not order:
        return "There is nobody to compare."
    if len(order) == 1:
        return f"{order[0]} is alone here: there is nobody to compare it with."
    leader, *others = order
    rivals = [name for name in others if not decided(leader, name)]
    if not rivals:
        start = f"{leader} is ahead of {'the other' if len(others) == 1 else 'all others'}."
    elif len(rivals) == len(others):
        start = f"Nobody is ahead: {leader} does best here, but that it is better than {join(rivals, 'or')} is not decided."
    else:
        start = f"{leader} leads; whether it is better than {join(rivals, 'or')} is not decided."
    return f"{start} {undecided(others, decided)}".strip()


def undecided(order: Sequence[str], decided: Callable[[str, str], bool]) -> str:
    """Returns the sentence about neighbours in the order between whom nothing is decided; empty where there are none."""
    pairs = [(a, b) for a, b in itertools.pairwise(order) if not decided(a, b) and not decided(b, a)]
    if not pairs:
        return ""
    if len(pairs) == 1:
        return f"Between {pairs[0][0]} and {pairs[0][1]} nothing is decided."
    return f"Nothing is decided between {join([f'{a} and {b}' for a, b in pairs], 'or', comma='; ')}."


def join(words: Sequence[str], last: str = "and", *, comma: str = ", ") -> str:
    """Returns `a, b and c`."""
    return words[0] if len(words) == 1 else f"{comma.join(words[:-1])} {last} {words[-1]}"


def count(number: int, noun: str) -> str:
    """Returns `1 seed`, `5 seeds`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
