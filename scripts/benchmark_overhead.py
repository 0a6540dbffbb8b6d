"""Measures what the arena adds to training: agents x envs x seeds on some workers, wall time beside the workers' own accounts.

Overhead is the share of the workers' time that is neither start-up (interpreter, import, building, compilation) nor training:

    (wall * workers - start-up - training) / training

`--bare` measures training once more without the arena: each run's `Agent.learn`, with nothing else, in a process of its own.

    python scripts/benchmark_overhead.py                          # tfagents-dqn, rllib-ppo, keras-ppo, kerasrl-dqn on two envs, 10 seeds
    python scripts/benchmark_overhead.py --agents random --steps 20000 --seeds 2
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

from arena.environments import ArenaEnvFactory
from arena.errors import BudgetExhausted
from arena.executors.local import LocalExecutor
from arena.experiment import Experiment, Run
from arena.experiment_file import from_table
from arena.hyperparameters import build_config
from arena.metering import Meter
from arena.runner import run_experiment
from arena.spec import refuse_other_frameworks

AGENTS = "tfagents-dqn,rllib-ppo,keras-ppo,kerasrl-dqn"
PARTS = ("import", "build", "train", "evaluate", "checkpoint")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agents", default=AGENTS)
    parser.add_argument("--envs", default="CartPole-v1,Acrobot-v1")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=50_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--bare", action="store_true", help="also time learn() alone, on the first seed of each agent and env")
    parser.add_argument("--bare-run", metavar="JSON", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.bare_run:
        print(json.dumps(bare_seconds(Run.from_inputs(json.loads(arguments.bare_run), {"device": "cpu"}))))
        return
    with tempfile.TemporaryDirectory(prefix="arena-overhead-") as folder:
        table = {"name": "overhead", "output": folder, "agents": arguments.agents.split(","), "envs": arguments.envs.split(",")}
        table |= {
            "seeds": arguments.seeds,
            "budget": {"env_steps": arguments.steps},
            "resources": {"workers": arguments.workers, "device": "cpu"},
        }
        experiment = from_table(table)
        measure(experiment, arguments.workers)
        if arguments.bare:
            measure_bare(experiment)


def measure(experiment: Experiment, workers: int) -> None:
    start = time.perf_counter()
    results = run_experiment(experiment, LocalExecutor(workers))
    wall = time.perf_counter() - start
    failed = [result for result in results if result.status != "finished"]
    if failed:
        raise SystemExit(f"{len(failed)} runs failed, the first: {failed[0].reason}")
    sums = {part: sum(result.seconds.get(part, 0.0) for result in results) for part in PARTS}
    total = wall * workers
    sums["everything else"] = total - sum(sums.values())
    print(f"{len(results)} runs on {workers} workers: {wall:.1f} s wall, load {os.getloadavg()[0]:.1f}")
    for part, seconds in sums.items():
        print(f"  {part:15} {seconds:9.1f} s  {seconds / total:6.1%}")
    overhead = sums["evaluate"] + sums["checkpoint"] + sums["everything else"]
    print(
        f"overhead without start-up: {overhead / sums['train']:.1%} of training; without evaluations: "
        f"{(overhead - sums['evaluate']) / sums['train']:.1%} (everything else holds interpreter start, and workers without a run)"
    )


def measure_bare(experiment: Experiment) -> None:
    for run in experiment.runs():
        if run.seed != experiment.seeds[0]:
            continue
        spec = run.spec()
        config = build_config(spec.config, run.agent.hyperparameters, where=run.name)
        environment = {**os.environ, **spec.process_env_for(config), "OMP_NUM_THREADS": "1", "NPROC": "1", "ARENA_NUM_THREADS": "1"}
        command = [sys.executable, __file__, "--bare-run", json.dumps(run.inputs())]
        output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
        within = json.loads((experiment.path / run.name / "result.json").read_text())["seconds"]["train"]
        bare = json.loads(output.strip().splitlines()[-1])
        print(f"  {run.name}: learn() alone {bare:.2f} s, in the arena {within:.2f} s ({within / bare - 1.0:+.1%})")


def bare_seconds(run: Run) -> float:
    """Returns the wall seconds of the run's training with no evaluation, log or checkpoint."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    spec = run.spec()
    config = build_config(spec.config, run.agent.hyperparameters, where=run.name)
    refuse_other_frameworks(spec.modules_for(config))
    env_seed, agent_seed = np.random.SeedSequence(run.experiment_seed, spawn_key=(1, run.seed)).spawn(2)
    meter = Meter(max_env_steps=run.budget.env_steps)
    factory = ArenaEnvFactory(run.env, meter, env_seed)
    agent = spec.load()(factory, config, seed=int(agent_seed.generate_state(1)[0] % 2**31), device="cpu")
    start = time.perf_counter()
    try:
        while meter.env_steps < run.budget.env_steps:
            agent.learn(run.log_period)
    except BudgetExhausted:
        pass
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
