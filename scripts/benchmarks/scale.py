"""Scale curves: which points are measured, with what settings, and what their measurements say together."""

import dataclasses
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from arena.errors import ArenaError
from benchmarks.settings import LEARNING_STARTS, from_cartpole
from benchmarks.verdicts import Spread

TABLES = ("envs", "widths", "parallel", "ray")
ROLLOUT_ROWS = 4_096
"""Of PPO's rollout in the table of environments: fewer environments take more vector steps for it."""
WIDTH_ROWS = 512
"""Of PPO's rollout in the table of widths, where an update of the widest network takes long."""
NEAR_MOST, HALF = 0.9, 0.5
Record = Mapping[str, Any]
"""A line of the file of measurements: of a point (`tables`, `agent`, what was measured or an `error`), or `circumstances`."""
Curve = dict[int, Spread]
"""Env steps/s by number of environments, or by width."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Runs:
    """A point of the tables of runs: so many runs of an agent, by an executor."""

    tables: tuple[str, ...]
    """Whose rows it is."""
    executor: str
    """`local` or `ray`."""
    num_runs: int
    """On a cluster also the number of nodes, with one core each."""
    workers: int
    """As in `[resources]`: 0 means as many as there are cores for."""
    threads: int
    """Of each run."""

    def at_once(self, num_cores: int) -> int:
        """Returns how many runs the executor has at work at a time."""
        return min(self.num_runs, self.workers or max(1, num_cores // self.threads))

    def is_oversubscribed(self, num_cores: int) -> bool:
        """Returns whether the runs at work share cores."""
        return self.at_once(num_cores) * self.threads > num_cores


def settings(agent: str, num_envs: int, rollout_rows: int = ROLLOUT_ROWS, width: int | None = None) -> dict[str, Any]:
    """Returns the settings of configs/cartpole.toml for another number of environments, with as much work for each env step.

    PPO's rollout has `rollout_rows` rows, or one vector step where that is more. DQN's bursts are counted in env steps already, several
    follow one vector step where it has more than `train_period`.

    Args:
        agent: id, of an agent in that file.
        num_envs: stepped together.
        rollout_rows: a number of env steps.
        width: of two hidden layers; None: those of the file.
    """
    found = {**from_cartpole(agent), "num_envs": num_envs}
    if width is not None:
        found["hidden_sizes"] = (width, width)
    if "rollout_length" in found:
        found["rollout_length"] = -(-rollout_rows // num_envs)
    else:
        found |= {"learning_starts": LEARNING_STARTS, "replay_capacity": max(found["replay_capacity"], num_envs)}
    return found


def updates_per_env_step(hyperparameters: Mapping[str, Any]) -> float:
    """Returns the optimizer steps that the settings ask for, each on `batch_size` rows, for each env step."""
    if "rollout_length" in hyperparameters:
        return float(hyperparameters["num_epochs"] / hyperparameters["batch_size"])
    return float(hyperparameters.get("num_updates", 1) / hyperparameters.get("train_period", 1))


def warm_steps(hyperparameters: Mapping[str, Any]) -> int:
    """Returns the env steps of the call before the measured ones: PPO's takes a rollout whatever is asked, DQN's makes a burst."""
    return int(hyperparameters.get("learning_starts", 0) + hyperparameters.get("train_period", 1))


def runs_points(tables: Iterable[str], counts: Sequence[int], nodes: Sequence[int], num_cores: int) -> list[Runs]:
    """Returns the points of the tables `parallel` and `ray`; one that belongs to both is there once. A cluster's come last.

    Args:
        tables: chosen ones.
        counts: of runs at once. Where the most are more than cores, also as many at the executor's own choice, which queues them.
        nodes: of the cluster.
        num_cores: of this machine, for this process.
    """
    found: list[tuple[str, Runs]] = []
    if "parallel" in tables:
        for count in sorted(counts):
            threads = max(1, num_cores // count)
            found.append(("parallel", Runs(tables=(), executor="local", num_runs=count, workers=count, threads=threads)))
        if found and found[-1][1].is_oversubscribed(num_cores):
            found.append(("parallel", dataclasses.replace(found[-1][1], workers=0)))
    if "ray" in tables:
        for executor in ("local", "ray"):
            found += [("ray", Runs(tables=(), executor=executor, num_runs=n, workers=n, threads=1)) for n in sorted(nodes)]
    merged: dict[Runs, tuple[str, ...]] = {}
    for table, runs in found:
        merged[runs] = (*merged.get(runs, ()), table)
    return [dataclasses.replace(runs, tables=tables) for runs, tables in merged.items()]


def while_all_train(marks: Sequence[Sequence[tuple[float, int]]]) -> tuple[float, float] | None:
    """Returns the env steps/s of all runs together over the stretch in which all of them train, and its seconds; None without one.

    Args:
        marks: of each run, seconds on a common clock and the env steps by then, from the beginning of its training to its end.
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
    """Refuses records that cannot stand in one table.

    Raises:
        ArenaError: if they are of several machines, of one table under several numbers of threads or environments, or of runs of
            several agents.
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
            raise ArenaError(f"measurements of several {what} ({listed}) do not go into one file: give another --output")


def grouped(records: Iterable[Record], table: str, key: Callable[[Record], Any]) -> dict[Any, list[Record]]:
    """Returns the records of a table by what `key` says of them, in the order of their first."""
    groups: dict[Any, list[Record]] = {}
    for record in records:
        if table in record.get("tables", ()):
            groups.setdefault(key(record), []).append(record)
    return groups


def curves(records: Iterable[Record], table: str) -> dict[str, Curve]:
    """Returns each agent's env steps/s over the rounds of a table, by `num_envs` or `width`, least first."""
    found: dict[str, Curve] = {}
    for (agent, value), group in grouped(records, table, lambda record: (record["agent"], record["value"])).items():
        if rates := [record["env_steps_per_second"] for record in group if "error" not in record]:
            found.setdefault(agent, {})[value] = Spread.of(rates)
    return {agent: dict(sorted(curve.items())) for agent, curve in found.items()}


def near_most(curve: Curve) -> int:
    """Returns the least number of environments with nine tenths of the curve's most env steps/s, by medians."""
    most = max(spread.median for spread in curve.values())
    return next(value for value, spread in sorted(curve.items()) if spread.median >= NEAR_MOST * most)


def half_speed(curve: Curve) -> int | None:
    """Returns the least width with less than half the env steps/s of the narrowest network, by medians; None where none is so slow."""
    narrowest = curve[min(curve)].median
    return next((value for value, spread in sorted(curve.items()) if spread.median < HALF * narrowest), None)


def median_of(group: Iterable[Record], value: Callable[[Record], float | None]) -> float | None:
    """Returns the median over rounds of what is there."""
    found = [number for record in group if "error" not in record and (number := value(record)) is not None]
    return statistics.median(found) if found else None
