"""Measures agents that train inside one JAX program: env steps per second, compilation, seconds to a score, and how they scale.

Each point of the three tables is a process of its own on `--threads` cores:

    target   seconds of training until the exported policy's mean over 100 episodes is `--target`, and its score on the ordinary environment
    envs     env steps/s over `--num-envs`, at the width of `--hidden-sizes`
    widths   env steps/s over `--widths` of two hidden layers, with `--width-envs` environments

    benchmark.py on-device                                keras-ppo on phys2d/CartPole-v1, all three tables, ten seeds
    benchmark.py on-device --agent keras-dqn --tables target --seeds 3
    benchmark.py on-device --tables envs --host           beside it the agent that steps the environment from the host
    benchmark.py on-device --tables widths --device cuda --threads 8 --output gpu.jsonl

Seconds of training are those inside `Agent.learn` and of recording episodes; compilation, evaluation and log are left out.
"""

import argparse
import json
import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.options import names, numbers, option_parser
from benchmarks.training_speed import append_point, run_point

SETTINGS: dict[str, dict[str, Any]] = {
    "keras-ppo": {"num_envs": 2_048, "rollout_length": 16, "batch_size": 512, "num_epochs": 1, "learning_rate": 2e-3},
    "keras-dqn": {
        "num_envs": 128,
        "hidden_sizes": [128, 128],
        "discount": 0.98,
        "learning_rate": 5e-4,
        "batch_size": 256,
        "replay_capacity": 100_000,
        "learning_starts": 8_192,
        "train_period": 512,
        "num_updates": 64,
        "target_update_period": 512,
        "epsilon_decay_steps": 50_000,
    },
}
"""Hyperparameters of each agent, those of `configs/on_device.toml`."""
MIN_ROLLOUT = 4_096
"""Smallest number of env steps in PPO's rollout in the tables `envs` and `widths`: fewer environments take more vector steps."""
COLUMNS = ("env_steps_per_second", "env_steps_per_cpu_second", "learner_steps_per_second", "compile_seconds", "iteration_env_steps")


def main(options: Sequence[str]) -> None:
    """Measures the tables asked for, and prints them."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("--agent", default="keras-ppo", choices=sorted(SETTINGS))
    parser.add_argument("--env", default="phys2d/CartPole-v1")
    parser.add_argument(
        "--ordinary-env", default="CartPole-v1", help="environment on which the policy is evaluated as well; empty for none"
    )
    parser.add_argument("--tables", type=names, default="target,envs,widths")
    parser.add_argument("--target", type=float, default=475.0)
    parser.add_argument("--max-steps", type=int, default=4_000_000, help="env steps in which the target must be reached")
    parser.add_argument("--look-steps", type=int, default=65_536, help="env steps between two evaluations")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--num-envs", type=numbers, default="1,4,16,64,256,1024,2048,4096")
    parser.add_argument("--hidden-sizes", type=numbers, default="64,64")
    parser.add_argument("--widths", type=numbers, default="64,128,256,512,1024,2048")
    parser.add_argument("--width-envs", type=int, default=256)
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="seconds of measured training at each point, after one call that is not measured"
    )
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds after which a point is given up")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--host", action="store_true", help="measure the speeds of the agent that steps from the host as well")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=JSON", help="a hyperparameter; repeat for more")
    parser.add_argument("--output", type=Path, help="append every point to this file, a JSON object a line")
    arguments = parser.parse_args(options)
    given = {key: json.loads(value) for key, _, value in (setting.partition("=") for setting in arguments.set)}
    base = {
        "agent": arguments.agent,
        "env": arguments.env,
        "device": arguments.device,
        "threads": arguments.threads,
        "seconds": arguments.seconds,
        "hyperparameters": {"on_device": True, **SETTINGS[arguments.agent], **given},
    }
    print(f"{arguments.agent} on {arguments.env}, {arguments.threads} threads, {arguments.device}, load {os.getloadavg()[0]:.1f}")
    for table in arguments.tables:
        {"target": target_table, "envs": envs_table, "widths": widths_table}[table](arguments, base)


def target_table(arguments: argparse.Namespace, base: dict[str, Any]) -> None:
    """Prints the seconds of training to the target, for each seed."""
    print(f"\ntarget: a mean of {arguments.target:g} over 100 episodes of the exported policy")
    print(f"{'seed':>6} {'seconds':>9} {'env steps':>12} {'score':>8} {'ordinary':>9} {'steps/s':>10} {'compile s':>10}")
    wanted = {"target": arguments.target, "max_steps": arguments.max_steps, "look_steps": arguments.look_steps}
    found = []
    for seed in range(arguments.seeds):
        point = measured(arguments, {**base, "seed": seed, "ordinary_env": arguments.ordinary_env, **wanted})
        if "error" in point:
            print(f"{seed:>6} {point['error']}")
            continue
        found.append(point)
        ordinary = "-" if point["ordinary_score"] is None else f"{point['ordinary_score']:.1f}"
        reached = f"{point['train_seconds']:.2f}" if point["reached"] else "missed"
        speed = f"{point['env_steps'] / point['train_seconds']:>10,.0f} {point['compile_seconds']:>10.1f}"
        print(f"{seed:>6} {reached:>9} {point['env_steps']:>12,} {point['score']:>8.1f} {ordinary:>9} {speed}", flush=True)
    seconds = [point["train_seconds"] for point in found if point["reached"]]
    if seconds:
        print(f"reached by {len(seconds)} of {arguments.seeds}; median {statistics.median(seconds):.2f} s, slowest {max(seconds):.2f} s")


def envs_table(arguments: argparse.Namespace, base: dict[str, Any]) -> None:
    """Prints env steps/s by number of environments."""
    hidden = arguments.hidden_sizes
    print(f"\nenvs: env steps/s over parallel environments, hidden sizes {hidden}")
    rows = [(count, {"num_envs": count, "hidden_sizes": hidden}) for count in arguments.num_envs]
    speed_table(arguments, base, "num_envs", rows)


def widths_table(arguments: argparse.Namespace, base: dict[str, Any]) -> None:
    """Prints env steps/s by width."""
    print(f"\nwidths: env steps/s over the width of two hidden layers, {arguments.width_envs} environments")
    rows = [(width, {"num_envs": arguments.width_envs, "hidden_sizes": [width, width]}) for width in arguments.widths]
    speed_table(arguments, base, "width", rows)


def speed_table(arguments: argparse.Namespace, base: dict[str, Any], name: str, rows: list[tuple[int, dict[str, Any]]]) -> None:
    """Prints a row for each value, and with `--host` one for the agent that steps from the host."""
    print(f"{name:>9} {'where':>7} " + " ".join(f"{column:>25}" for column in COLUMNS))
    for value, changes in rows:
        for on_device in (True, False) if arguments.host else (True,):
            hyperparameters = fitted(arguments.agent, {**base["hyperparameters"], **changes, "on_device": on_device})
            point = measured(arguments, {**base, "seed": 0, "hyperparameters": hyperparameters})
            cells = point.get("error") or " ".join(f"{point[column]:>25,.1f}" for column in COLUMNS)
            print(f"{value:>9} {'device' if on_device else 'host':>7} {cells}", flush=True)


def fitted(agent: str, hyperparameters: dict[str, Any]) -> dict[str, Any]:
    """Returns the hyperparameters for another number of environments, with as nearly as possible the same work for each env step."""
    num_envs = hyperparameters["num_envs"]
    if agent == "keras-ppo":
        return {**hyperparameters, "rollout_length": max(16, -(-MIN_ROLLOUT // num_envs))}
    return {**hyperparameters, "replay_capacity": max(hyperparameters["replay_capacity"], num_envs)}


def measured(arguments: argparse.Namespace, point: dict[str, Any]) -> dict[str, Any]:
    """Returns what a process of its own has measured, or a mapping with its `error`."""
    found = run_point(point, arguments.timeout)
    if arguments.output:
        append_point(arguments.output, {**point, **found})
    return found
