"""Measures how training scales: env steps/s over environments, network width, runs at once and Ray workers; writes docs/scale.md.

Four tables, on CartPole-v1 with the hyperparameters of configs/cartpole.toml:

    envs      env steps/s over --num-envs, with the same work for each env step in every row of an agent
    widths    env steps/s over --widths of two hidden layers, with --width-envs environments
    parallel  env steps/s of --runs runs together, by the local executor; each run has cores / runs threads, and at least one
    ray       the same on a Ray cluster of --nodes nodes on this machine with one core each, beside the local executor with as many workers

    benchmark.py scale --output logs/scale.jsonl --page docs/scale.md
    benchmark.py scale --from logs/scale.jsonl --page docs/scale.md                  only writes the page again
    benchmark.py scale --tables envs --agents keras-ppo --num-envs 8,64 --rounds 1   a first look

A point of `envs` and `widths` is a process of its own on --threads cores. PPO has rollouts of 4,096 rows (widths: 512), minibatches
of 256 rows and 10 epochs; DQN makes 64 updates of 128 rows for every 256 env steps. The first rollout or burst is not measured.

A point of `parallel` and `ray` is a whole experiment of --run-agent with 8 environments. Asked for more workers than there are cores, the
local executor starts them all: it binds the first to a core each, and the others share all cores. Left to itself (`workers = 0`) it runs
as many at a time as there are cores for, and the others wait. So the largest number of runs is measured both ways if the runs share cores.
Ray binds its workers to no core.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from arena.executors.base import ExecutorConfig
from arena.executors.choice import make_executor
from arena.formats.jsonl import read_jsonl
from arena.machine.cores import available_cores, usable_cores
from benchmarks.circumstances import measured_circumstances
from benchmarks.options import names, numbers, option_parser
from benchmarks.ray_cluster import RayCluster, use_own_token
from benchmarks.scale_curves import Record, refuse_mixture
from benchmarks.scale_page import scale_page, write_page
from benchmarks.scale_points import ROLLOUT_ROWS, TABLES, WIDTH_ROWS, RunsPoint, runs_points, scaled_hyperparameters, warm_steps
from benchmarks.scale_runs import measure_runs
from benchmarks.training_speed import append_point, run_point

AGENTS = "keras-ppo,tfagents-dqn"
"""Default agents of `envs` and `widths`: PPO compiled by JAX and DQN compiled by TensorFlow. Four agents would take twice as long."""


def main(options: Sequence[str]) -> None:
    """Measures the tables asked for, and writes the page if one is given."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("--tables", type=names, default=",".join(TABLES))
    parser.add_argument("--agents", type=names, default=AGENTS)
    parser.add_argument("--num-envs", type=numbers, default="1,4,16,64,256,1024,4096")
    parser.add_argument("--widths", type=numbers, default="64,128,256,512,1024,2048")
    parser.add_argument("--width-envs", type=int, default=64)
    parser.add_argument("--run-agent", default="keras-ppo", help="agent of the tables parallel and ray")
    parser.add_argument("--runs", type=numbers, default="1,2,4,8")
    parser.add_argument("--nodes", type=numbers, default="1,2")
    parser.add_argument("--rounds", type=int, default=3, help="all points take turns")
    parser.add_argument("--seconds", type=float, default=4.0, help="seconds of measured training at each point of envs and widths")
    parser.add_argument("--run-seconds", type=float, default=5.0, help="seconds that each run of parallel and ray trains")
    parser.add_argument("--threads", type=int, default=1, help="threads, and cores, of each point of envs and widths")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds after which a point of envs or widths is given up")
    parser.add_argument("--output", type=Path, help="append every measurement to this file, a JSON object a line")
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="measure nothing: write the page from such a file")
    parser.add_argument(
        "--page", type=Path, help="write the tables (of everything in --output) between the marks of this page, and a chart"
    )
    arguments = parser.parse_args(options)
    if unknown := set(arguments.tables) - set(TABLES):
        parser.error(f"--tables: no table {', '.join(sorted(unknown))} (there are: {', '.join(TABLES)})")
    page = scale_page(arguments.page) if arguments.page else None
    records = list(read_jsonl(arguments.source)) if arguments.source else measure_all(arguments)
    if page is not None:
        kept = list(read_jsonl(arguments.output)) if arguments.output and not arguments.source else records
        write_page(page, kept)


def measure_all(arguments: argparse.Namespace) -> list[Record]:
    """Measures all points, round by round, and returns their records."""
    records: list[Record] = []

    def add(record: dict[str, Any]) -> None:
        records.append(append_point(arguments.output, record))

    points = [point for table in ("envs", "widths") if table in arguments.tables for point in speed_points(arguments, table)]
    runs = runs_points(arguments.tables, arguments.runs, arguments.nodes, available_cores())
    planned = [*points, *({**vars(run), "agent": arguments.run_agent} for run in runs)]
    there = list(read_jsonl(arguments.output)) if arguments.output and arguments.output.exists() else []
    refuse_mixture([*there, {"circumstances": measured_circumstances(arguments.rounds, usable_cores())}, *planned])
    if any(run.executor == "ray" for run in runs):
        use_own_token()  # before the next line imports Ray
        make_executor(ExecutorConfig(kind="ray"), 1)  # refuses where it is not installed
    add({"circumstances": measured_circumstances(arguments.rounds, usable_cores())})
    for number in range(1, arguments.rounds + 1):
        print(f"round {number} of {arguments.rounds}, load {os.getloadavg()[0]:.1f}", flush=True)
        for point in points:
            found = run_point(point, arguments.timeout)
            add({**point, "round": number, **found})
            print(f"{point['tables'][0]:>8} {point['agent']:<14} {point['value']:>6,} {_described(found)}", flush=True)
        for run, found in measured_runs(arguments, runs):
            add({**vars(run), "agent": arguments.run_agent, "round": number, **found})
            label = f"{run.executor}, {run.num_runs} runs, workers = {run.workers}, threads = {run.threads}"
            print(f"{'+'.join(run.tables):>8} {label}: {_described_runs(found)}", flush=True)
    return records


def speed_points(arguments: argparse.Namespace, table: str) -> list[dict[str, Any]]:
    """Returns the points of the table `envs` or `widths`."""
    found = []
    for agent in arguments.agents:
        for value in arguments.num_envs if table == "envs" else arguments.widths:
            num_envs, rows, width = (value, ROLLOUT_ROWS, None) if table == "envs" else (arguments.width_envs, WIDTH_ROWS, value)
            point = {"tables": [table], "agent": agent, "value": value, "num_envs": num_envs, "env": "CartPole-v1", "device": "cpu"}
            point |= {"threads": arguments.threads, "seconds": arguments.seconds, "seed": 0}
            hyperparameters = scaled_hyperparameters(agent, num_envs, rows, width)
            found.append({**point, "hyperparameters": hyperparameters, "warm_steps": warm_steps(hyperparameters)})
    return found


def measured_runs(arguments: argparse.Namespace, points: list[RunsPoint]) -> Iterator[tuple[RunsPoint, dict[str, Any]]]:
    """Yields each point and what it took; the cluster is started for the points that need it, and grows from one to the next."""
    for point in points:
        if point.executor == "local":
            yield point, measure_runs(point, arguments.run_agent, arguments.run_seconds)
    on_cluster = sorted((point for point in points if point.executor == "ray"), key=lambda point: point.num_runs)
    if not on_cluster:
        return
    done = 0
    try:
        with RayCluster(1) as cluster:
            num_nodes = 1
            for point in on_cluster:
                for _ in range(point.num_runs - num_nodes):
                    cluster.add_node()
                num_nodes = point.num_runs
                yield point, measure_runs(point, arguments.run_agent, arguments.run_seconds, cluster.address)
                done += 1
    except RuntimeError as error:  # a node did not start
        for point in on_cluster[done:]:
            yield point, {"error": str(error)[:200]}


def _described(found: dict[str, Any]) -> str:
    if "error" in found:
        return f"failed: {found['error']}"
    shares = " ".join(f"{part} {found[f'{part}_share']:.0%}" for part in ("env", "act", "learn"))
    return f"{found['env_steps_per_second']:>10,.0f} env steps/s, {shares}, peak {(found['peak_rss_bytes'] or 0) / 2**20:,.0f} MB"


def _described_runs(found: dict[str, Any]) -> str:
    if "error" in found:
        return f"failed: {found['error']}"
    rate, peaks = found["env_steps_per_second"], [peak / 2**20 for peak in found["peak_rss_bytes"]]
    together = "never all at once" if rate is None else f"{rate:,.0f} env steps/s together"
    sharing = ", sharing cores" if found["oversubscribed"] else ""
    return (
        f"{together}, {found['at_once']} at once{sharing}, wall {found['wall_seconds']:.1f} s, "
        f"peak {max(peaks, default=0.0):,.0f} MB a run, {sum(peaks):,.0f} MB in all"
    )
