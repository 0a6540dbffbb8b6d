"""Measures how fast agents train on images: env steps per CPU-second, in turn and on one core, Stable-Baselines3's beside ours.

    benchmark.py pixel-speed --cases nature --rounds 3

All have the same network and the same work for each env step. `sb3-dqn` and `sb3-ppo` train by Stable-Baselines3's own `learn`.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from arena.errors import ArenaError, did_you_mean
from benchmarks.marked_page import table
from benchmarks.options import names, option_parser
from benchmarks.training_speed import Point, run_point

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
AGENTS: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("sb3-dqn", {}),
    ("keras-dqn", {}),
    ("keras-dqn", {"backend": "tensorflow"}),
    ("tfagents-dqn", {}),
    ("rllib-dqn", {}),
    ("kerasrl-dqn", {}),
    ("sb3-ppo", {}),
    ("keras-ppo", {}),
    ("keras-ppo", {"backend": "tensorflow"}),
    ("rllib-ppo", {}),
)
"""Agents and their further settings; each is compared with the one of Stable-Baselines3 before it."""


def main(options: Sequence[str]) -> int:
    """Measures, prints a table, and returns 1 if a measurement failed."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("--cases", type=names, default=list(CASES), help=f"cases, separated by commas: {', '.join(CASES)}")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each agent, in turn")
    parser.add_argument("--seconds", type=float, default=5.0, help="seconds of training in a measurement")
    arguments = parser.parse_args(options)
    for case in arguments.cases:
        if case not in CASES:
            raise ArenaError(f"no case {case!r}{did_you_mean(case, CASES)} (there are: {', '.join(CASES)})")
    results: dict[tuple[str, int], list[dict[str, Any]]] = {(case, index): [] for case in arguments.cases for index in range(len(AGENTS))}
    for round_index in range(arguments.rounds):
        for (case, index), found in results.items():
            found.append(run_point(make_point(case, *AGENTS[index], seed=round_index, seconds=arguments.seconds), TIMEOUT_SECONDS))
            print(f"round {round_index} {case} {shown_name(*AGENTS[index])}: {found[-1]}", flush=True)
    print(results_table(results))
    return int(any("error" in measurement for found in results.values() for measurement in found))


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


def shown_name(agent: str, settings: Mapping[str, Any]) -> str:
    """Returns an agent's name with its backend."""
    return f"{agent} ({settings['backend']})" if settings else agent


def results_table(results: Mapping[tuple[str, int], Sequence[Mapping[str, Any]]]) -> str:
    """Returns the medians as a table: env steps per CPU-second, how many times Stable-Baselines3's, and seconds to build the agent."""
    rows, baseline = [], 0.0
    for (case, index), found in results.items():
        name = shown_name(*AGENTS[index])
        measured = [measurement for measurement in found if "error" not in measurement]
        if not measured:
            rows.append([case, f"`{name}`", "failed", "-", "-"])
            continue
        speed = statistics.median(measurement["env_steps_per_cpu_second"] for measurement in measured)
        if name.startswith("sb3-"):
            baseline = speed
        build = statistics.median(measurement["compile_seconds"] for measurement in measured)
        rows.append([case, f"`{name}`", f"{speed:,.0f}", f"{speed / baseline:.1f}" if baseline else "-", f"{build:.1f}"])
    return table(["network", "agent", "env steps per CPU-second", "times SB3", "wall seconds to build"], rows)
