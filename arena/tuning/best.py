"""The file in which a search leaves its outcome: hyperparameters that other experiments extend, and what they cost."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from arena.files import write_bytes
from arena.tuning.study import Tuned


def write_best(path: Path, outcomes: Iterable[Tuned], source: Path) -> None:
    """Writes `[hyperparameters.<agent>]` and `[tuning.<agent>]` of every outcome as TOML, atomically.

    Args:
        path: the file.
        outcomes: of each agent.
        source: the file that described the search.
    """
    parts = [f'# The best settings that `arena tune {source.name}` has found; use them with extends = "{path.name}".']
    for outcome in outcomes:
        parts.append(_table(f"hyperparameters.{json.dumps(outcome.agent)}", outcome.settings))
        parts.append(_table(f"tuning.{json.dumps(outcome.agent)}", {**outcome.record, "score": round(outcome.score, 6)}))
    write_bytes(path, "\n".join(parts).encode())


def _table(name: str, values: Mapping[str, Any]) -> str:
    return "\n".join(["", f"[{name}]", *(f"{_key(key)} = {toml_value(value)}" for key, value in values.items()), ""])


def toml_value(value: Any) -> str:
    """Returns a value of JSON's types, without null, as TOML on one line."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(key)} = {toml_value(item)}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")  # the one character that JSON allows and TOML does not
    return json.dumps(value)


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("_", "a").replace("-", "a").isalnum()
    return key if bare else toml_value(key)
