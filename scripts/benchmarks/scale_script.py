"""Measures how training scales: env steps/s over environments, over the width of the network, over runs at once, and over Ray workers.

Four tables, on CartPole-v1 with the settings of configs/cartpole.toml:

    envs      env steps/s over --num-envs, with the same work for each env step all along a row
    widths    env steps/s over --widths of two hidden layers, at --width-envs environments
    parallel  env steps/s together of --runs runs, by the arena's local executor: cores divided by runs, but at least one thread each
    ray       the same on a Ray cluster of --nodes nodes of this machine with one core each, beside the local executor with as many workers

    python scripts/benchmarks/scale_script.py --output logs/scale.jsonl --page docs/scale.md
    python scripts/benchmarks/scale_script.py --from logs/scale.jsonl --page docs/scale.md                  # only writes the page again
    python scripts/benchmarks/scale_script.py --tables envs --agents keras-ppo --num-envs 8,64 --rounds 1   # a look

A point of `envs` and `widths` is a process of its own on --threads cores. PPO has rollouts of 4,096 rows (widths: 512), minibatches
of 256 rows and 10 epochs; DQN makes 64 updates of 128 rows for every 256 env steps. The stretch is `Agent.learn` after a first rollout
or burst.

`parallel` and `ray` are whole experiments of --run-agent with 8 environments. Asked for more workers than there are cores, the local
executor starts them all: the first are bound to a core each, the others to none, and they share. Left to itself (`workers = 0`) it runs
as many at a time as there are cores for, and the others wait; so the most runs are measured once more, if they share cores. Ray's
workers are bound to no core.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.executors.base import ExecutorConfig
from arena.executors.choice import make_executor
from arena.formats.jsonl import read_jsonl
from arena.machine.usage import available_cores, usable_cores
from benchmarks.child.probe import peak_rss_bytes
from benchmarks.points import append_point, make_agent, run_point, speeds
from benchmarks.ray_cluster import RayCluster, use_own_token
from benchmarks.run import circumstances
from benchmarks.scale import ROLLOUT_ROWS, TABLES, WIDTH_ROWS, Record, Runs, refuse_mixture, runs_points, settings, warm_steps
from benchmarks.scale_page import check_page, write_page
from benchmarks.scale_runs import measure_runs

AGENTS = "keras-ppo,tfagents-dqn"
"""PPO compiled by JAX, and DQN by TensorFlow: with rllib-ppo and keras-dqn as well it takes twice as long."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=_names, default=",".join(TABLES))
    parser.add_argument("--agents", type=_names, default=AGENTS)
    parser.add_argument("--num-envs", type=_numbers, default="1,4,16,64,256,1024,4096")
    parser.add_argument("--widths", type=_numbers, default="64,128,256,512,1024,2048")
    parser.add_argument("--width-envs", type=int, default=64)
    parser.add_argument("--run-agent", default="keras-ppo", help="of the tables parallel and ray")
    parser.add_argument("--runs", type=_numbers, default="1,2,4,8")
    parser.add_argument("--nodes", type=_numbers, default="1,2")
    parser.add_argument("--rounds", type=int, default=3, help="all points take turns")
    parser.add_argument("--seconds", type=float, default=4.0, help="of measured training at each point of envs and widths")
    parser.add_argument("--run-seconds", type=float, default=5.0, help="that each run of parallel and ray trains")
    parser.add_argument("--threads", type=int, default=1, help="and cores, of each point of envs and widths")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds after which a point of envs or widths is given up")
    parser.add_argument("--output", type=Path, help="append every measurement to this file, a JSON object a line")
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="measure nothing: write the page of such a file")
    parser.add_argument("--page", type=Path, help="write tables between the marks of this page (of all that --output holds), and a chart")
    parser.add_argument("--point", metavar="JSON", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.point:
        print(json.dumps(measure(json.loads(arguments.point))))
        return
    if unknown := set(arguments.tables) - set(TABLES):
        parser.error(f"--tables: no table {', '.join(sorted(unknown))} (there are: {', '.join(TABLES)})")
    try:
        if arguments.page:
            check_page(arguments.page)
        records = list(read_jsonl(arguments.source)) if arguments.source else measure_all(arguments)
        if arguments.page:
            kept = list(read_jsonl(arguments.output)) if arguments.output and not arguments.source else records
            write_page(arguments.page, kept)
    except ArenaError as error:
        raise SystemExit(f"error: {error}") from error


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _numbers(text: str) -> list[int]:
    found = [int(number) for number in _names(text)]
    if not found or min(found) < 1:
        raise ValueError  # argparse tells it
    return found


def measure_all(arguments: argparse.Namespace) -> list[Record]:
    """Measures all points, round by round, and returns their records."""
    records: list[Record] = []

    def add(record: dict[str, Any]) -> None:
        records.append(append_point(arguments.output, record))

    points = [point for table in ("envs", "widths") if table in arguments.tables for point in speed_points(arguments, table)]
    runs = runs_points(arguments.tables, arguments.runs, arguments.nodes, available_cores())
    planned = [*points, *({**vars(run), "agent": arguments.run_agent} for run in runs)]
    there = list(read_jsonl(arguments.output)) if arguments.output and arguments.output.exists() else []
    refuse_mixture([*there, {"circumstances": circumstances(arguments.rounds, usable_cores())}, *planned])
    if any(run.executor == "ray" for run in runs):
        use_own_token()  # before the next line imports Ray
        make_executor(ExecutorConfig(kind="ray"), 1)  # refuses where it is not installed
    add({"circumstances": circumstances(arguments.rounds, usable_cores())})
    for number in range(1, arguments.rounds + 1):
        print(f"round {number} of {arguments.rounds}, load {os.getloadavg()[0]:.1f}", flush=True)
        for point in points:
            found = run_point(Path(__file__), point, arguments.timeout)
            add({**point, "round": number, **found})
            print(f"{point['tables'][0]:>8} {point['agent']:<14} {point['value']:>6,} {_told(found)}", flush=True)
        for point, found in measured_runs(arguments, runs):
            add({**vars(point), "agent": arguments.run_agent, "round": number, **found})
            label = f"{point.executor}, {point.num_runs} runs, workers = {point.workers}, threads = {point.threads}"
            print(f"{'+'.join(point.tables):>8} {label}: {_told_runs(found)}", flush=True)
    return records


def speed_points(arguments: argparse.Namespace, table: str) -> list[dict[str, Any]]:
    """Returns the points of the table `envs` or `widths`."""
    found = []
    for agent in arguments.agents:
        for value in arguments.num_envs if table == "envs" else arguments.widths:
            num_envs, rows, width = (value, ROLLOUT_ROWS, None) if table == "envs" else (arguments.width_envs, WIDTH_ROWS, value)
            point = {"tables": [table], "agent": agent, "value": value, "num_envs": num_envs, "env": "CartPole-v1", "device": "cpu"}
            point |= {"threads": arguments.threads, "seconds": arguments.seconds, "seed": 0}
            found.append({**point, "hyperparameters": settings(agent, num_envs, rows, width)})
    return found


def measured_runs(arguments: argparse.Namespace, points: list[Runs]) -> Any:
    """Yields each point and what it took; the cluster is started for those that need it, and grows from one to the next."""
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


def measure(point: dict[str, Any]) -> dict[str, Any]:
    """Returns the speed of a point, in this process."""
    agent, meter, compile_seconds = make_agent(point)
    found = speeds(agent, meter, point["seconds"], warm_steps(point["hyperparameters"]))
    agent.close()
    return {"compile_seconds": compile_seconds, "peak_rss_bytes": peak_rss_bytes(), **found}


def _told(found: dict[str, Any]) -> str:
    if "error" in found:
        return f"failed: {found['error']}"
    shares = " ".join(f"{part} {found[f'{part}_share']:.0%}" for part in ("env", "act", "learn"))
    return f"{found['env_steps_per_second']:>10,.0f} env steps/s, {shares}, peak {(found['peak_rss_bytes'] or 0) / 2**20:,.0f} MB"


def _told_runs(found: dict[str, Any]) -> str:
    if "error" in found:
        return f"failed: {found['error']}"
    rate, peaks = found["env_steps_per_second"], [peak / 2**20 for peak in found["peak_rss_bytes"]]
    together = "never all at once" if rate is None else f"{rate:,.0f} env steps/s together"
    sharing = ", sharing cores" if found["oversubscribed"] else ""
    return (
        f"{together}, {found['at_once']} at once{sharing}, wall {found['wall_seconds']:.1f} s, "
        f"peak {max(peaks, default=0.0):,.0f} MB a run, {sum(peaks):,.0f} MB in all"
    )


if __name__ == "__main__":
    main()
