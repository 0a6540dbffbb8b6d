"""Every way in which one value of a JSON document can be wrong: of another type, out of range, missing, unknown or repeated."""

import copy
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

REPLACEMENTS: tuple[Any, ...] = (
    *(None, True, -1, 0, 7, 10**30, 10**400, 1.5, float("nan"), float("inf"), "", "word", "../up", "\ud800", "\x1b[2J\n", "0" * 64),
    *([], [1], ["word"], [[]], {}, {"word": 1}, {"word": {"word": 1}}, {"word": []}, [None]),
)
"""Values of every type that JSON has, and some at the edges of each."""
Path = tuple[str | int, ...]


class Fault(NamedTuple):
    """One change of a document."""

    path: Path
    """Keys and indices that lead to the changed value."""
    kind: str
    """`replace`, `remove`, `add` (an unknown key) or `repeat` (an item of a list, or a key of an object)."""
    value: Any = None
    """Value that takes the place of the old one."""


def faults(document: Any) -> Iterator[Fault]:
    """Yields all faults of a document of JSON's types."""
    for path in paths(document):
        for value in REPLACEMENTS:
            yield Fault(path, "replace", value)
        if path:
            yield Fault(path, "remove")
            yield Fault(path, "repeat")
        if isinstance(_at(document, path), dict):
            yield Fault(path, "add", 1)


def paths(value: Any, before: Path = ()) -> Iterator[Path]:
    """Yields the paths to all values in a document; of a list of numbers, to the first and the last alone."""
    yield before
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, (*before, key))
    elif isinstance(value, list):
        for index in sorted({0, len(value) - 1} if len(value) > 3 else set(range(len(value)))):
            yield from paths(value[index], (*before, index))


def faulty(document: Any, fault: Fault) -> str:
    """Returns a document with a fault as JSON text."""
    if not fault.path:
        return _text(fault.value if fault.kind == "replace" else {**document, "unknown": 1})
    content = copy.deepcopy(document)
    holder, last = _at(content, fault.path[:-1]), fault.path[-1]
    if fault.kind == "remove":
        del holder[last]
    elif fault.kind == "replace":
        holder[last] = fault.value
    elif fault.kind == "add":
        holder[last]["unknown"] = fault.value
    elif isinstance(holder, list):
        holder.insert(int(last), holder[int(last)])
    else:
        value = holder[last]
        holder["repeated!"] = value
        return _text(content).replace('"repeated!":', f"{json.dumps(last)}:")
    return _text(content)


def _text(value: Any) -> str:
    return json.dumps(value)


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value
