"""The points that the benchmark `scale` measures, and their hyperparameters."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.hyperparameters import LEARNING_STARTS, from_cartpole

TABLES = ("envs", "widths", "parallel", "ray")
"""Names of all tables."""
ROLLOUT_ROWS = 4_096
"""Env steps in PPO's rollout in the table `envs`: fewer environments take more vector steps."""
WIDTH_ROWS = 512
"""Env steps in PPO's rollout in the table `widths`, in which an update of the widest network takes long."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunsPoint:
    """A point of the tables `parallel` and `ray`: a number of runs of an agent, and the executor that runs them."""

    tables: tuple[str, ...]
    """Tables that show it as a row."""
    executor: str
    """`local` or `ray`."""
    num_runs: int
    """Number of runs, and on a cluster of nodes, which have one core each."""
    workers: int
    """Number of workers as in `[resources]`: 0 means as many as there are cores for."""
    threads: int
    """Threads of each run."""

    def at_once(self, num_cores: int) -> int:
        """Returns the number of runs that the executor runs at a time."""
        return min(self.num_runs, self.workers or max(1, num_cores // self.threads))

    def is_oversubscribed(self, num_cores: int) -> bool:
        """Returns whether runs that run at a time share cores."""
        return self.at_once(num_cores) * self.threads > num_cores


def scaled_hyperparameters(agent: str, num_envs: int, rollout_rows: int = ROLLOUT_ROWS, width: int | None = None) -> dict[str, Any]:
    """Returns the hyperparameters of configs/cartpole.toml for another number of environments, with the same work for each env step.

    PPO's rollout has `rollout_rows` rows, or one vector step if that has more. DQN's bursts are counted in env steps already: several
    follow a vector step of more than `train_period` env steps.

    Args:
        agent: id of an agent in that file.
        num_envs: number of environments that step together.
        rollout_rows: smallest number of env steps in a rollout of PPO.
        width: width of two hidden layers; None keeps the layers of the file.
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
    """Returns the number of optimizer steps, each on `batch_size` rows, that the hyperparameters ask for per env step."""
    if "rollout_length" in hyperparameters:
        return float(hyperparameters["num_epochs"] / hyperparameters["batch_size"])
    return float(hyperparameters.get("num_updates", 1) / hyperparameters.get("train_period", 1))


def warm_steps(hyperparameters: Mapping[str, Any]) -> int:
    """Returns the env steps of the first call, which is not measured: PPO takes a rollout in any case, DQN makes a burst."""
    return int(hyperparameters.get("learning_starts", 0) + hyperparameters.get("train_period", 1))


def runs_points(tables: Iterable[str], counts: Sequence[int], nodes: Sequence[int], num_cores: int) -> list[RunsPoint]:
    """Returns the points of the tables `parallel` and `ray`, those of a cluster last; a point of both tables is listed once.

    Args:
        tables: names of the chosen tables.
        counts: numbers of runs at once. If the largest is more than the cores, the executor is also left to queue as many runs.
        nodes: numbers of nodes of the cluster.
        num_cores: number of cores that this process may use.
    """
    found: list[tuple[str, RunsPoint]] = []
    if "parallel" in tables:
        for count in sorted(counts):
            threads = max(1, num_cores // count)
            found.append(("parallel", RunsPoint(tables=(), executor="local", num_runs=count, workers=count, threads=threads)))
        if found and found[-1][1].is_oversubscribed(num_cores):
            found.append(("parallel", dataclasses.replace(found[-1][1], workers=0)))
    if "ray" in tables:
        for executor in ("local", "ray"):
            found += [("ray", RunsPoint(tables=(), executor=executor, num_runs=n, workers=n, threads=1)) for n in sorted(nodes)]
    merged: dict[RunsPoint, tuple[str, ...]] = {}
    for table, runs in found:
        merged[runs] = (*merged.get(runs, ()), table)
    return [dataclasses.replace(runs, tables=tables) for runs, tables in merged.items()]
