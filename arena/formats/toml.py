"""TOML as text, since the standard library only reads it."""

import json
import math
from collections.abc import Mapping
from typing import Any


def toml_table(name: str, values: Mapping[str, Any]) -> list[str]:
    """Returns the lines of a table; entries that are None, which TOML cannot express, are left out.

    Args:
        name: name between the brackets: keys made by `toml_key`, joined by dots.
        values: entries, whose values have JSON's types.
    """
    return [f"[{name}]", *(f"{toml_key(key)} = {toml_value(value)}" for key, value in values.items() if value is not None)]


def toml_value(value: Any) -> str:
    """Returns a value of JSON's types as TOML on one line; entries of tables that are None are left out."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{toml_key(key)} = {toml_value(item)}" for key, item in value.items() if item is not None)
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, str):
        # As JSON, but for DEL, which JSON allows as it is, and characters beyond the first plane, which JSON escapes in two halves.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # inf, -inf and nan; JSON would say Infinity
    return json.dumps(value)


def toml_key(key: str) -> str:
    """Returns a key as TOML, in quotes if it needs them."""
    bare = key.isascii() and key.replace("_", "a").replace("-", "a").isalnum()
    return key if bare else toml_value(key)
