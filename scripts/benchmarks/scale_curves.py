"""The curves of the benchmark `scale`: env steps/s over rounds, and the places where the curves bend."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from arena.errors import ArenaError
from benchmarks.verdicts import Spread

NEAR_MAXIMUM, HALF = 0.9, 0.5
Record = Mapping[str, Any]
"""A line of the file of measurements: a point (`tables`, `agent`, and what was measured or an `error`), or `circumstances`."""
Curve = dict[int, Spread]
"""Env steps/s by number of environments, or by width."""


def while_all_train(marks: Sequence[Sequence[tuple[float, int]]]) -> tuple[float, float] | None:
    """Returns the env steps/s of all runs together in the time in which all of them train, and its seconds; None if there is no such time.

    Args:
        marks: for each run, seconds on a common clock and the env steps by then, from the beginning of its training to its end.
    """
    if not marks or not all(marks):
        return None
    begin, end = max(run[0][0] for run in marks), min(run[-1][0] for run in marks)
    if end <= begin:
        return None
    taken = 0.0
    for run in marks:
        seconds, env_steps = zip(*run, strict=True)
        before, after = np.interp(np.array([begin, end]), np.array(seconds), np.array(env_steps, np.float64))
        taken += float(after - before)
    return taken / (end - begin), end - begin


def refuse_mixture(records: Iterable[Record]) -> None:
    """Refuses records that do not belong into one table.

    Raises:
        ArenaError: if they come from several machines, or those of one table have several agents, numbers of threads or numbers of
            environments where the table has room for one.
    """
    kinds: dict[str, set[Any]] = {}
    for record in records:
        if "circumstances" in record:
            machine = record["circumstances"]["machine"]
            kinds.setdefault("machines", set()).add(f"{machine['cpu']}, {machine['cores_available']} cores")
        for table in record.get("tables", ()):
            if table in ("parallel", "ray"):
                kinds.setdefault(f"agents in table {table}", set()).add(record["agent"])
            else:
                kinds.setdefault(f"numbers of threads in table {table}", set()).add(record["threads"])
            if table == "widths":
                kinds.setdefault(f"numbers of environments in table {table}", set()).add(record["num_envs"])
    for what, found in kinds.items():
        if len(found) > 1:
            listed = "; ".join(map(str, sorted(found)))
            raise ArenaError(f"measurements of several {what} ({listed}) do not belong into one file: give another --output")


def grouped(records: Iterable[Record], table: str, key: Callable[[Record], Any]) -> dict[Any, list[Record]]:
    """Returns the records of a table, grouped by `key`, in the order of the first record of each group."""
    groups: dict[Any, list[Record]] = {}
    for record in records:
        if table in record.get("tables", ()):
            groups.setdefault(key(record), []).append(record)
    return groups


def curves(records: Iterable[Record], table: str) -> dict[str, Curve]:
    """Returns each agent's env steps/s over the rounds of a table, by number of environments or by width, in ascending order."""
    found: dict[str, Curve] = {}
    for (agent, value), group in grouped(records, table, lambda record: (record["agent"], record["value"])).items():
        if rates := [record["env_steps_per_second"] for record in group if "error" not in record]:
            found.setdefault(agent, {})[value] = Spread.of(rates)
    return {agent: dict(sorted(curve.items())) for agent, curve in found.items()}


def near_maximum(curve: Curve) -> int:
    """Returns the smallest number of environments whose median env steps/s are at least nine tenths of the curve's maximum."""
    maximum = max(spread.median for spread in curve.values())
    return next(value for value, spread in sorted(curve.items()) if spread.median >= NEAR_MAXIMUM * maximum)


def half_speed(curve: Curve) -> int | None:
    """Returns the smallest width whose median env steps/s are less than half those of the narrowest network; None if there is none."""
    narrowest = curve[min(curve)].median
    return next((value for value, spread in sorted(curve.items()) if spread.median < HALF * narrowest), None)


def median_of(group: Iterable[Record], value: Callable[[Record], float | None]) -> float | None:
    """Returns the median over rounds of `value`, without rounds that failed or for which it is None; None if none is left."""
    found = [number for record in group if "error" not in record and (number := value(record)) is not None]
    return statistics.median(found) if found else None
