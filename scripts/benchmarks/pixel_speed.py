"""Measures how fast agents train on images: env steps per CPU-second, in turn and on one core, Stable-Baselines3's beside ours.

    benchmark.py pixel-speed --cases nature --rounds 3
    benchmark.py pixel-speed --cleanrl ../cleanrl        CleanRL's scripts as well, from a checkout of github.com/vwxyzjn/cleanrl

All have the same network and the same work for each env step. `sb3-dqn` and `sb3-ppo` train by Stable-Baselines3's own `learn`. CleanRL's
scripts for Atari make their own environments, by wrappers in Python around one emulator each, and the DQN has one environment instead of 8.
"""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.errors import ArenaError, did_you_mean
from benchmarks.marked_page import table
from benchmarks.options import names, option_parser
from benchmarks.peers import PEERS, peers_python
from benchmarks.training_speed import Point, run_point
from benchmarks.variants import measure_peer

WARM_STEPS = 512
TIMEOUT_SECONDS = 900.0
REPLAY: Mapping[str, Any] = {
    "batch_size": 32,
    "learning_starts": 256,
    "replay_capacity": 10_000,
    "num_envs": 8,
    "train_period": 64,
    "num_updates": 16,
    "target_update_period": 1_024,
}
"""DQN's settings: one update for four env steps."""
ROLLOUT: Mapping[str, Any] = {"num_envs": 8, "rollout_length": 32, "batch_size": 256, "num_epochs": 4}
"""PPO's settings: four epochs over rollouts of 256 env steps."""
CASES: Mapping[str, Mapping[str, Any]] = {
    "nature": {"env": "ALE/Pong-v5", "wrappers": ["atari"], "network": "nature"},
    "minatar": {"env": "MinAtar/Breakout-v1", "wrappers": [], "network": "minatar"},
}
"""Environment, wrappers and network by the name of a case."""
AGENTS: Sequence[tuple[str, str]] = (
    ("sb3-dqn", ""),
    ("keras-dqn", "jax"),
    ("keras-dqn", "tensorflow"),
    ("tfagents-dqn", ""),
    ("rllib-dqn", ""),
    ("kerasrl-dqn", ""),
    ("sb3-ppo", ""),
    ("keras-ppo", "jax"),
    ("keras-ppo", "tensorflow"),
    ("rllib-ppo", ""),
)
"""Agents, each with the backend of Keras where it has one; they are compared with the baselines before them."""
BASELINES: Mapping[str, str] = {"sb3": "SB3", "cleanrl": "CleanRL"}
"""Names of baselines by the first part of their agents' names."""
CLEANRL: Mapping[str, str] = {"cleanrl-dqn": "dqn_atari", "cleanrl-ppo": "ppo_atari"}
"""CleanRL's scripts by the name under which they are shown; they have the network `nature`."""
Case = tuple[str, str, str]
"""Name of a case, agent, and backend or an empty string."""


def main(options: Sequence[str]) -> int:
    """Measures, prints a table, and returns 1 if a measurement failed."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("--cases", type=names, default=list(CASES), help=f"cases, separated by commas: {', '.join(CASES)}")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each agent, in turn")
    parser.add_argument("--seconds", type=float, default=5.0, help="seconds of training in a measurement")
    parser.add_argument("--cleanrl", type=Path, metavar="DIR", help="checkout of CleanRL, whose scripts are measured as well")
    parser.add_argument(
        "--peers", type=Path, default=PEERS, metavar="DIR", help="environment of CleanRL's scripts, set up if it is missing"
    )
    arguments = parser.parse_args(options)
    for case in arguments.cases:
        if case not in CASES:
            raise ArenaError(f"no case {case!r}{did_you_mean(case, CASES)} (there are: {', '.join(CASES)})")
    if arguments.cleanrl is not None:
        for script in CLEANRL.values():
            if not (arguments.cleanrl / "cleanrl" / f"{script}.py").exists():
                raise ArenaError(f"{arguments.cleanrl} is not a checkout of CleanRL: it has no cleanrl/{script}.py")
        peers_python(arguments.peers)  # before anything is measured, since it may take long or fail
    results: dict[Case, list[dict[str, Any]]] = {case: [] for case in cases(arguments.cases, with_cleanrl=arguments.cleanrl is not None)}
    for round_index in range(arguments.rounds):
        for (case, agent, backend), found in results.items():
            if agent in CLEANRL:
                found.append(measure_cleanrl(agent, arguments, seed=round_index))
            else:
                point = make_point(case, agent, {"backend": backend} if backend else {}, seed=round_index, seconds=arguments.seconds)
                found.append(run_point(point, TIMEOUT_SECONDS))
            print(f"round {round_index} {case} {agent} {backend}: {found[-1]}", flush=True)
    print(results_table(results))
    return int(any("error" in measurement for found in results.values() for measurement in found))


def cases(chosen: Sequence[str], *, with_cleanrl: bool) -> list[Case]:
    """Returns what is measured, in this order: each baseline comes before the agents that are compared with it."""
    found = []
    for case in chosen:
        for agent, backend in AGENTS:
            found.append((case, agent, backend))
            script = agent.replace("sb3", "cleanrl")
            if with_cleanrl and script in CLEANRL and CASES[case]["network"] == "nature":
                found.append((case, script, ""))
    return found


def measure_cleanrl(name: str, arguments: Any, *, seed: int) -> dict[str, Any]:
    """Returns the speed of one of CleanRL's scripts, or a mapping with its `error`."""
    shared = ROLLOUT if name.endswith("-ppo") else REPLAY
    request = {
        "loop": CLEANRL[name],
        "folder": str(arguments.cleanrl),
        "seed": seed,
        "seconds": arguments.seconds,
        "warm_steps": WARM_STEPS,
    }
    try:
        found = measure_peer("benchmarks.loops.cleanrl_loop", {**request, "hyperparameters": shared}, arguments.peers, TIMEOUT_SECONDS)
    except ArenaError as error:
        return {"error": str(error)}
    return {"env_steps_per_cpu_second": found["env_steps_per_cpu_second"]}


def make_point(case: str, agent: str, settings: Mapping[str, Any], *, seed: int, seconds: float) -> Point:
    """Returns what to measure for one agent in one case."""
    chosen = CASES[case]
    shared = ROLLOUT if agent.endswith("-ppo") else REPLAY
    return {
        "agent": agent,
        "env": chosen["env"],
        "wrappers": chosen["wrappers"],
        "device": "cpu",
        "threads": 1,
        "seed": seed,
        "seconds": seconds,
        "warm_steps": WARM_STEPS,
        "hyperparameters": {**shared, "network": chosen["network"], **settings},
    }


def results_table(results: Mapping[Case, Sequence[Mapping[str, Any]]]) -> str:
    """Returns the medians as a table: env steps per CPU-second with minimum and maximum, and the ratios to the baselines' in each round."""
    rows, baselines = [], dict[str, Sequence[Mapping[str, Any]]]()
    for (case, agent, backend), found in results.items():
        framework = agent.partition("-")[0]
        if framework == "sb3":
            baselines = {}
        if framework in BASELINES:
            baselines[framework] = found
        name = f"`{agent}`" + (f", {backend}" if backend else "")
        measured = [measurement["env_steps_per_cpu_second"] for measurement in found if "error" not in measurement]
        if len(measured) < len(found) or not found:
            rows.append([case, name, "failed", *["-"] * len(BASELINES)])
            continue
        speed = f"{statistics.median(measured):,.0f} ({min(measured):,.0f} to {max(measured):,.0f})"
        rows.append([case, name, speed, *(times(found, baselines.get(baseline, ())) for baseline in BASELINES)])
    return table(["network", "agent", "env steps per CPU-second", *(f"times {name}" for name in BASELINES.values())], rows)


def times(found: Sequence[Mapping[str, Any]], baseline: Sequence[Mapping[str, Any]]) -> str:
    """Returns the median of the ratios of two speeds within each round, or a dash where one was not measured."""
    pairs = list(zip(found, baseline, strict=False))
    if not pairs or any("error" in one for pair in pairs for one in pair):
        return "-"
    return f"{statistics.median(own['env_steps_per_cpu_second'] / other['env_steps_per_cpu_second'] for own, other in pairs):.1f}"
