"""Measures what the arena adds to training: an experiment on some workers, beside the same training without the arena.

The seconds of all workers, wall time times workers, are split into the parts that the runs themselves record (`RunResult.seconds`), the
ends of their processes, and workers without a run. Beside them stands each run's `Agent.learn` alone (no evaluation, log, checkpoint or
event), in a process of its own, as many at a time and on the same cores: once before the experiment and once after it. The mean of the two
counts, so that a machine that becomes slower affects both sides alike.

    overhead = (wall * workers - start-up - bare training) / bare training

The overhead is given without and with the episodes of evaluations, which the protocol asks for and any loop would play.

    benchmark.py overhead                          tfagents-dqn, rllib-ppo, keras-ppo and kerasrl-dqn on two environments, 10 seeds
    benchmark.py overhead --agents random --steps 20000 --seeds 2
"""

import json
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from arena.errors import ArenaError
from arena.executors.base import MayBegin, OnEnd, OnEvent, Task, always
from arena.executors.local import LocalExecutor
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.experiment.runner import run_experiment
from arena.machine.cores import usable_cores
from arena.run_folder.events import PhaseBegan, WorkerEvent
from arena.run_folder.inputs import Run
from arena.run_folder.result import RunResult
from benchmarks.options import names, option_parser
from benchmarks.processes import child_environment, last_json_line, module_command, on_free_cores

START_PARTS = ("start", "import", "build")
"""Parts of a run's seconds before training."""
WORK_PARTS = ("train", "evaluate", "checkpoint", "log")
"""Parts of a run's seconds from the beginning of training; no second is in two of them."""
TIMEOUT_SECONDS = 3_600.0
"""Seconds after which a training without the arena is given up."""


def main(options: Sequence[str]) -> None:
    """Measures both sides, and prints the tables."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("--agents", type=names, default="tfagents-dqn,rllib-ppo,keras-ppo,kerasrl-dqn")
    parser.add_argument("--envs", type=names, default="CartPole-v1,Acrobot-v1")
    parser.add_argument("--seeds", type=int, default=10, help="number of seeds")
    parser.add_argument("--steps", type=int, default=50_000, help="env steps of each run")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args(options)
    with tempfile.TemporaryDirectory(prefix="arena-overhead-") as folder:
        table = {"name": "overhead", "output": folder, "agents": arguments.agents, "envs": arguments.envs, "seeds": arguments.seeds}
        table |= {"budget": {"env_steps": arguments.steps}, "resources": {"workers": arguments.workers, "device": "cpu"}}
        experiment = from_table(table)
        print(f"load {os.getloadavg()[0]:.1f}; bare training, the arena, bare training", flush=True)
        before = measure_bare(list(experiment.runs()), arguments.workers)
        wall, seconds, results = measure(experiment, arguments.workers)
        after = measure_bare(list(experiment.runs()), arguments.workers)
        report(wall, arguments.workers, seconds, results, before, after)


class ClockedExecutor:
    """Runs workers as `LocalExecutor` does, and notes when they were started and had ended."""

    def __init__(self, num_workers: int) -> None:
        self._executor = LocalExecutor(num_workers)
        self._imported: dict[str, float] = {}
        self.seconds_after_start: dict[str, float] = {}
        """For each run: wall seconds from the end of `start` (`RunResult.seconds`) until its process had ended."""

    def check(self, tasks: Sequence[Task]) -> None:
        """See `LocalExecutor.check`."""
        self._executor.check(tasks)

    def execute(self, tasks: Sequence[Task], on_event: OnEvent, on_end: OnEnd, may_begin: MayBegin = always) -> None:
        """See `LocalExecutor.execute`."""

        def noted(task: Task, event: WorkerEvent) -> str | None:
            if isinstance(event, PhaseBegan) and event.phase == "importing":
                self._imported[task.name] = time.monotonic()
            return on_event(task, event)

        def ended(task: Task, end: Any) -> None:
            if (since := self._imported.get(task.name)) is not None:
                self.seconds_after_start[task.name] = time.monotonic() - since
            on_end(task, end)

        self._executor.execute(tasks, noted, ended, may_begin)


def measure(experiment: Experiment, workers: int) -> tuple[float, dict[str, float], list[RunResult]]:
    """Returns the wall seconds, the workers' seconds by part, and the results."""
    executor = ClockedExecutor(workers)
    start = time.perf_counter()
    results = run_experiment(experiment, executor)
    wall = time.perf_counter() - start
    failed = [result for result in results if result.status != "finished"]
    if failed:
        raise ArenaError(f"{len(failed)} runs failed, the first: {failed[0].reason}")
    parts = [result.seconds.to_json() for result in results]
    seconds: dict[str, float] = {name: sum(part[name] for part in parts) for name in (*START_PARTS, *WORK_PARTS, "play")}
    seconds["evaluate"] -= seconds["play"]
    alive = seconds["start"] + sum(executor.seconds_after_start.values())
    seconds["ending"] = alive - sum(seconds.values())
    seconds["idle"] = wall * workers - alive
    return wall, seconds, results


LABELS = {
    "start": "start: process, the arena's imports",
    "import": "import: the framework",
    "build": "build: agent, compilation",
    "train": "train",
    "play": "play: episodes of evaluations",
    "evaluate": "evaluate: export, check, comparison",
    "checkpoint": "checkpoint",
    "log": "log",
    "ending": "ending of the process",
    "idle": "workers without a run",
}


def report(
    wall: float, workers: int, seconds: dict[str, float], results: list[RunResult], before: dict[str, float], after: dict[str, float]
) -> None:
    """Prints the tables."""
    bare = {name: (value + after[name]) / 2.0 for name, value in before.items()}
    total, trained = wall * workers, sum(bare.values())
    print(f"{len(results)} runs on {workers} workers: {wall:.1f} s wall, load {os.getloadavg()[0]:.1f}")
    print(f"| part | seconds of {workers} workers | share | a run |\n|---|---:|---:|---:|")
    for part, label in LABELS.items():
        print(f"| {label} | {seconds[part]:.1f} | {seconds[part] / total:.1%} | {seconds[part] / len(results):.2f} |")
    start_up = sum(seconds[part] for part in START_PARTS)
    print(f"| all | {total:.1f} | | {total / len(results):.2f} |\n")
    print("| agent | env | bare training s | in the arena s | more |\n|---|---|---:|---:|---:|")
    by_pair: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for result in results:
        by_pair[result.agent, result.env].append((bare[f"{result.agent}/{result.env}/{result.seed}"], result.seconds.train))
    for (agent, env), pairs in by_pair.items():
        alone, within = (statistics.median(column) for column in zip(*pairs, strict=True))
        more = statistics.median(each / base - 1.0 for base, each in pairs)
        print(f"| {agent} | {env} | {alone:.2f} | {within:.2f} | {more:+.1%} |")
    print(
        f"\nbare training of all runs: {sum(before.values()):.1f} s before, {sum(after.values()):.1f} s after; "
        f"in the arena {seconds['train']:.1f} s ({seconds['train'] / trained - 1:+.1%})"
    )
    overhead = total - start_up - trained
    print(
        f"overhead beside start-up: {(overhead - seconds['play']) / trained:.1%} of bare training; with the episodes of evaluations "
        f"{overhead / trained:.1%}; start-up {start_up / trained:.1%}"
    )


def measure_bare(runs: Sequence[Run], workers: int) -> dict[str, float]:
    """Returns the wall seconds of each run's training without the arena, by agent, environment and seed; `workers` run at a time."""
    cores = usable_cores()
    shares = [cores] * workers if workers > len(cores) else [[core] for core in cores[:workers]]  # more workers than cores share them
    return {f"{run.agent.name}/{run.env.name}/{run.seed}": future.result() for run, future in on_free_cores(runs, shares, bare_seconds)}


def bare_seconds(run: Run) -> float:
    """Returns the wall seconds of a run's training without the arena, in a process of its own."""
    variables = child_environment(run.resources.threads, run.agent.agent, run.agent.hyperparameters)
    command = module_command("benchmarks.child.bare_training", json.dumps(run.inputs()))
    return float(last_json_line(command, {**variables, "CUDA_VISIBLE_DEVICES": ""}, TIMEOUT_SECONDS, run.name)["seconds"])
