"""Differences between two values of JSON's types, for messages that refuse one because another is there."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

MAX_SHOWN_CHARACTERS = 60
"""Length of the longest value that `told` shows whole."""


class ValueDifference(NamedTuple):
    """A place at which two values differ."""

    key: str
    """Path to the place, with dots: `agent.hyperparameters.epsilon`; empty for the whole value."""
    old: Any
    """Value on the first side; None where that side has none."""
    new: Any
    """Value on the second side; None where that side has none."""


def differences(old: Any, new: Any, key: str = "") -> list[ValueDifference]:
    """Returns the places at which two values differ: tables are compared key by key, everything else as a whole.

    Args:
        old: the first value, of JSON's types.
        new: the second value.
        key: path to both, with dots.
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        names = dict.fromkeys((*old, *new))
        nested = [differences(old.get(name), new.get(name), f"{key}.{name}" if key else str(name)) for name in names]
        return [difference for found in nested for difference in found]
    return [] if old == new else [ValueDifference(key, old, new)]


def told(difference: ValueDifference) -> str:
    """Returns a difference between what a folder holds and what was asked for: `rules.games: 8 there, 10 wanted`."""
    return f"{difference.key}: {_short(difference.old)} there, {_short(difference.new)} wanted"


def all_told(found: Sequence[ValueDifference], *, max_shown: int = 3) -> str:
    """Returns the first differences in one line, with `…` for those left out."""
    return "; ".join([*map(told, found[:max_shown]), *(["…"] if len(found) > max_shown else [])])


def sides(old: Any, new: Any) -> tuple[str, str]:
    """Returns what either of two values has where they differ: `("epsilon=0.1, seed=1", "epsilon=0.2, seed=2")`; equal texts if nowhere."""
    found = differences(old, new)

    def side(values: Sequence[Any]) -> str:
        pairs = zip(found, values, strict=True)
        return ", ".join(f"{difference.key}={json.dumps(value)}" if difference.key else json.dumps(value) for difference, value in pairs)

    return side([difference.old for difference in found]), side([difference.new for difference in found])


def differing_keys(tables: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns the keys that not all tables have with the same value, in the order in which they first appear."""
    keys = dict.fromkeys(key for table in tables for key in table)
    return [key for key in keys if any(key not in table or table[key] != tables[0].get(key) for table in tables)]


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[: MAX_SHOWN_CHARACTERS - 1]}…"
