"""Measures what the arena adds to training: agents x envs x seeds on some workers, beside the same training without the arena.

The sum of all workers' seconds, wall time times workers, is split into what the runs themselves account for (`RunResult.seconds`), the
ending of their processes, and workers without a run. Beside it stands each run's `Agent.learn` with nothing else (no evaluation, log,
checkpoint or event), in a process of its own, as many at a time and on the same cores: once before the arena's turn and once after it,
and the mean of both counts, so that a machine that grows slower meets both sides alike.

    overhead = (wall * workers - start-up - bare training) / bare training

with the episodes of evaluations, which the protocol asks for and any loop would play, left out or counted.

    python scripts/benchmarks/overhead.py                          # tfagents-dqn, rllib-ppo, keras-ppo, kerasrl-dqn on two envs, 10 seeds
    python scripts/benchmarks/overhead.py --agents random --steps 20000 --seeds 2
"""

import argparse
import json
import os
import queue
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from arena.agent.hyperparameters import build_config
from arena.agent.isolation import refuse_other_frameworks
from arena.environments.make import ArenaEnvFactory
from arena.environments.metering import Meter
from arena.errors import BudgetExhausted
from arena.executors.base import OnEnd, OnEvent, Task
from arena.executors.local import LocalExecutor
from arena.executors.process import THREAD_VARIABLES
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.experiment.runner import run_experiment
from arena.formats.validation import validate
from arena.machine.usage import usable_cores
from arena.run_folder.events import PhaseBegan, WorkerEvent
from arena.run_folder.inputs import Run
from arena.run_folder.result import START_PARTS, WORK_PARTS, RunResult
from arena.seeding import training_seeds

AGENTS = "tfagents-dqn,rllib-ppo,keras-ppo,kerasrl-dqn"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agents", default=AGENTS)
    parser.add_argument("--envs", default="CartPole-v1,Acrobot-v1")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=50_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--bare-run", metavar="JSON", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.bare_run:
        print(json.dumps(bare_seconds(validate(Run, {**json.loads(arguments.bare_run), "resources": {"device": "cpu"}}))))
        return
    with tempfile.TemporaryDirectory(prefix="arena-overhead-") as folder:
        table = {"name": "overhead", "output": folder, "agents": arguments.agents.split(","), "envs": arguments.envs.split(",")}
        table |= {
            "seeds": arguments.seeds,
            "budget": {"env_steps": arguments.steps},
            "resources": {"workers": arguments.workers, "device": "cpu"},
        }
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
        """Run -> wall seconds from the end of `start` (`RunResult.seconds`) until the process had ended."""

    def check(self, tasks: Sequence[Task]) -> None:
        """See `LocalExecutor.check`."""
        self._executor.check(tasks)

    def execute(self, tasks: Sequence[Task], on_event: OnEvent, on_end: OnEnd) -> None:
        """See `LocalExecutor.execute`."""

        def noted(task: Task, event: WorkerEvent) -> str | None:
            if isinstance(event, PhaseBegan) and event.phase == "importing":
                self._imported[task.name] = time.monotonic()
            return on_event(task, event)

        def ended(task: Task, end: Any) -> None:
            if (since := self._imported.get(task.name)) is not None:
                self.seconds_after_start[task.name] = time.monotonic() - since
            on_end(task, end)

        self._executor.execute(tasks, noted, ended)


def measure(experiment: Experiment, workers: int) -> tuple[float, dict[str, float], list[RunResult]]:
    """Returns the wall seconds, the workers' seconds by part, and the results."""
    executor = ClockedExecutor(workers)
    start = time.perf_counter()
    results = run_experiment(experiment, executor)
    wall = time.perf_counter() - start
    failed = [result for result in results if result.status != "finished"]
    if failed:
        raise SystemExit(f"{len(failed)} runs failed, the first: {failed[0].reason}")
    seconds = {part: sum(result.seconds.get(part, 0.0) for result in results) for part in (*START_PARTS, *WORK_PARTS, "play")}
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
        by_pair[result.agent, result.env].append((bare[f"{result.agent}/{result.env}/{result.seed}"], result.seconds["train"]))
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
    """Returns the wall seconds of each run's training without the arena, by agent, environment and seed; `workers` at a time."""
    if not hasattr(os, "sched_setaffinity"):
        raise SystemExit("this benchmark binds processes to cores, which only Linux lets it do")
    free = queue.SimpleQueue[list[int]]()
    cores = usable_cores()
    for worker in range(workers):
        free.put(cores[worker : worker + 1] if workers <= len(cores) else cores)  # more than cores share them

    def one(run: Run) -> tuple[str, float]:
        spec = run.spec()
        config = build_config(spec.config, run.agent.hyperparameters, where=run.name)
        own = free.get()
        try:
            variables = {
                **os.environ,
                "CUDA_VISIBLE_DEVICES": "",
                **spec.process_env_for(config),
                **dict.fromkeys(THREAD_VARIABLES, str(run.resources.threads)),
            }
            command = [sys.executable, __file__, "--bare-run", json.dumps(run.inputs())]
            os.sched_setaffinity(0, own)  # this thread, and with it the process that it starts
            done = subprocess.run(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
        finally:
            free.put(own)
        return f"{run.agent.name}/{run.env.name}/{run.seed}", float(json.loads(done.stdout.strip().splitlines()[-1]))

    with ThreadPoolExecutor(workers) as threads:
        return dict(threads.map(one, runs))


def bare_seconds(run: Run) -> float:
    """Returns the wall seconds of the run's training with no evaluation, log or checkpoint."""
    spec = run.spec()
    config = build_config(spec.config, run.agent.hyperparameters, where=run.name)
    refuse_other_frameworks(spec.modules_for(config))
    seeds = training_seeds(run.experiment_seed, run.seed)
    meter = Meter(max_env_steps=run.budget.env_steps)
    factory = ArenaEnvFactory(run.env, meter, seeds.env)
    agent = spec.load()(factory, config, seed=seeds.agent, device="cpu")
    start = time.perf_counter()
    try:
        while meter.env_steps < run.budget.env_steps:
            agent.learn(run.log_period)
    except BudgetExhausted:
        pass
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
