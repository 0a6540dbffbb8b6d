"""Validation of values from files and the command line. Types are strict: `"5"`, `true` and `5.0` are not integers."""

import dataclasses
import datetime
import functools
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import pydantic
from annotated_types import Interval

from arena.errors import ArenaError, did_you_mean

Whole = Annotated[int, Interval(ge=0, le=2**63 - 1)]
"""Count, index or seed in a file: a whole number that arrays can hold."""
Finite = Annotated[float, pydantic.AllowInfNan(False)]
"""Number in a file: never NaN or infinite, which JSON cannot write."""


def validate(kind: Any, value: Any) -> Any:
    """Returns `value` as a `kind`: lists may become tuples, tables dataclasses and integers floats; nothing else is converted.

    Raises:
        pydantic.ValidationError: if the value is not a `kind`; says what is wrong.
    """
    # Strict over Python objects would refuse lists and tables; JSON has just the distinctions that TOML has, save dates.
    adapter = _adapter(kind) if isinstance(kind, type) else pydantic.TypeAdapter(kind)
    return adapter.validate_json(json.dumps(value, default=_refuse), strict=True)


@functools.cache
def _adapter(kind: type) -> pydantic.TypeAdapter[Any]:
    return pydantic.TypeAdapter(kind)  # takes milliseconds to make


def checked(kind: Any, value: Any, where: str) -> Any:
    """Returns `value` as a `kind`.

    Args:
        kind: a type; for a dataclass `value` must be a table of its fields.
        value: value of TOML's types.
        where: name of the value in errors, such as `budget`.

    Raises:
        ArenaError: if a key is unknown (the error suggests a similar one), a type is wrong or a value is out of range.
    """
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, Mapping):
            raise ArenaError(f"{where}={value!r} must be a table")
        check_keys(value, (field.name for field in dataclasses.fields(kind)), f"{where}: ")
    try:
        return validate(kind, value)
    except pydantic.ValidationError as error:
        raise ArenaError(sentence(error, where)) from error


def sentence(error: pydantic.ValidationError, *where: str) -> str:
    """Returns the first complaint of an error as `where.name=value: reason`."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in (*where, *first["loc"]))
    value = ""
    if name and first["type"] not in ("value_error", "missing"):
        shown = repr(first["input"])
        value = f"={shown}" if len(shown) <= 80 else f"={shown[:79]}…"
    message = first["msg"].removeprefix("Value error, ")
    return f"{name}{value}: {message}" if name else message


def check_keys(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Refuses keys that are not known.

    Args:
        table: table whose keys are checked.
        known: all keys that it may have.
        where: beginning of the error, such as `budget: `.

    Raises:
        ArenaError: if a key is unknown; the error suggests a similar one.
    """
    names = sorted(known)
    for key in table:
        if key not in names:
            raise ArenaError(f"{where}unknown key {key!r}{did_you_mean(key, names)} (known: {', '.join(names)})")


def _refuse(value: Any) -> Any:
    kind = "a date or time" if isinstance(value, (datetime.date, datetime.time)) else f"a {type(value).__name__}"
    raise ArenaError(f"{value} is {kind}, which no setting takes; put it in quotes if it is text")
