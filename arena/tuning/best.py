"""The file `best.toml`, in which a search leaves the best hyperparameters and their cost; other experiments extend it."""

from collections.abc import Iterable
from pathlib import Path

from arena.formats.json import write_bytes
from arena.formats.toml import toml_table, toml_value
from arena.tuning.study import Tuned


def write_best(path: Path, outcomes: Iterable[Tuned], source: str) -> None:
    """Writes `[hyperparameters.<agent>]` and `[tuning.<agent>]` of every outcome as TOML, atomically.

    Args:
        path: the file to write.
        outcomes: outcome of the search for each agent.
        source: arguments of `arena tune` that asked for the search: a file's name, or agent and environment.
    """
    parts = [f'# The best settings that `arena tune {source}` has found; use them with extends = "{path.name}".']
    for outcome in outcomes:
        parts += ["", *toml_table(f"hyperparameters.{toml_value(outcome.agent)}", outcome.settings)]
        parts += ["", *toml_table(f"tuning.{toml_value(outcome.agent)}", {**outcome.record, "score": round(outcome.score, 6)})]
    write_bytes(path, "\n".join([*parts, ""]).encode())
