"""Returns that no episode of an environment can have: the environment that was played is then not the one whose bounds are known."""

from collections.abc import Iterable

from arena.environments.references import Reference

SLACK = 1e-6
"""Share of a bound by which a return may pass it: bounds are written with few digits, and rewards are summed in floats."""


def impossible_return(reference: Reference | None, returns: Iterable[float]) -> str:
    """Returns words about the first return that is beyond the bounds of an environment; empty if all are possible.

    Args:
        reference: reference scores of the environment; None if it has none, so that nothing is known to be impossible.
        returns: returns of episodes, or means of them.
    """
    if reference is None:
        return ""
    low, high = reference.lower_bound, reference.upper_bound
    for value in returns:
        if high is not None and value > high.value + SLACK * max(1.0, abs(high.value)):
            return f"returned {value:g}, and no episode can return more than {high.value:g} ({high.source})"
        if low is not None and value < low.value - SLACK * max(1.0, abs(low.value)):
            return f"returned {value:g}, and no episode can return less than {low.value:g} ({low.source})"
    return ""
