"""Measures how fast SAC trains on Pendulum-v1, Stable-Baselines3's and SBX's beside ours: env steps per CPU-second, in turn, on one core.

    benchmark.py sac-speed --rounds 2 --widths 64,256

All have one environment, one update for each env step, and the same settings. Ours make their updates in bursts, 32 after every 32 env
steps. SB3 and SBX are measured in both forms: one update after each env step, which is their default, and the same bursts.
"""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.machine.cores import usable_cores
from benchmarks.marked_page import table
from benchmarks.options import numbers, option_parser
from benchmarks.peers import PEERS, peers_python
from benchmarks.processes import pinned
from benchmarks.training_speed import run_point
from benchmarks.variants import measure_peer

LOOP = "benchmarks.loops.sac_loop"
TIMEOUT_SECONDS = 900.0
BURST = 32
"""Env steps between two bursts of updates, and updates in one."""
SETTINGS: Mapping[str, Any] = {
    "num_envs": 1,
    "batch_size": 256,
    "learning_rate": 1e-3,
    "learning_starts": 256,
    "replay_capacity": 100_000,
    "target_update_tau": 0.005,
    "discount": 0.99,
    "train_period": BURST,
    "num_updates": BURST,
}
"""Hyperparameters of all, but for the hidden layers: two of the width that is measured."""
AGENTS = ("keras-sac", "tfagents-sac", "rllib-sac")
PEER_STEPS: Mapping[str, int] = {"sb3": 384, "sbx": 1_024}
"""Env steps of a measurement, after a warm-up, by the name of a loop."""
BURSTS = ", in bursts"
"""Ending of the name of a baseline that makes its updates as ours do."""
Case = tuple[int, str]
"""Width of both hidden layers, and the name of an implementation."""


def main(options: Sequence[str]) -> int:
    """Measures, prints a table, and returns 1 if a measurement failed."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("--widths", type=numbers, default=[64, 256], help="units of both hidden layers, separated by commas")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each, in turn")
    parser.add_argument("--seconds", type=float, default=5.0, help="seconds of training in a measurement of ours")
    parser.add_argument("--peers", type=Path, default=PEERS, metavar="DIR", help="environment of SB3 and SBX, set up if it is missing")
    arguments = parser.parse_args(options)
    peers_python(arguments.peers)  # before anything is measured, since it may take long or fail
    results: dict[Case, list[dict[str, Any]]] = {(width, name): [] for width in arguments.widths for name in implementations()}
    with pinned(usable_cores()[:1]):
        for number in range(arguments.rounds):
            for (width, name), found in results.items():
                found.append(measure(name, width, number, arguments.seconds, arguments.peers))
                print(f"round {number} {name} {width}: {found[-1]}", flush=True)
    print(results_table(results))
    return int(any("error" in measurement for found in results.values() for measurement in found))


def implementations() -> list[str]:
    """Returns the names of all implementations, in the order in which they are measured and shown."""
    return [*(f"{peer}{form}" for peer in PEER_STEPS for form in ("", BURSTS)), *AGENTS]


def settings_of(name: str, width: int) -> dict[str, Any]:
    """Returns the hyperparameters of one implementation."""
    one_by_one = {"train_period": 1, "num_updates": 1} if name in PEER_STEPS else {}
    return {**SETTINGS, "hidden_sizes": [width, width], **one_by_one}


def measure(name: str, width: int, seed: int, seconds: float, peers: Path) -> dict[str, Any]:
    """Returns env steps per CPU-second and updates per env step of one implementation, or a mapping with its `error`."""
    settings = settings_of(name, width)
    if name in AGENTS:
        point = {"agent": name, "env": "Pendulum-v1", "device": "cpu", "threads": 1, "seed": seed, "seconds": seconds}
        found = run_point({**point, "warm_steps": SETTINGS["learning_starts"] + 2 * BURST, "hyperparameters": settings}, TIMEOUT_SECONDS)
        if "error" in found:
            return found
        updates = found["learner_steps_per_second"] / found["env_steps_per_second"]
        return {"speed": found["env_steps_per_cpu_second"], "updates": updates}
    loop = name.removesuffix(BURSTS)
    request = {"loop": loop, "env_steps": PEER_STEPS[loop], "seed": seed, "hyperparameters": settings}
    try:
        found = measure_peer(LOOP, request, peers, TIMEOUT_SECONDS)
    except ArenaError as error:
        return {"error": str(error)}
    return {"speed": found["env_steps"] / found["cpu_seconds"], "updates": found["updates"] / found["env_steps"]}


def results_table(results: Mapping[Case, Sequence[Mapping[str, Any]]]) -> str:
    """Returns medians over rounds, with minimum and maximum, and how many times the speed of each baseline's faster form they are."""

    def times(case: Case, peer: str) -> str:
        """Returns the median of the ratios within each round; the ratio in a round is to the faster form of that round."""
        forms = [results.get((case[0], peer + form), ()) for form in ("", BURSTS)]
        rounds = [[one.get("speed") for one in found] for found in zip(results[case], *forms, strict=False)]
        if not rounds or any(None in found for found in rounds):
            return "-"
        return f"{statistics.median(own / max(theirs) for own, *theirs in rounds):.2f}"

    rows = []
    for case, found in results.items():
        shown = f"`{case[1]}`" if case[1] in AGENTS else case[1].upper().replace(BURSTS.upper(), BURSTS)
        if not found or any("error" in one for one in found):
            rows.append([case[0], shown, "failed", "-", "-", "-"])
            continue
        speeds, updates = ([one[key] for one in found] for key in ("speed", "updates"))
        speed = f"{statistics.median(speeds):,.0f} ({min(speeds):,.0f} to {max(speeds):,.0f})"
        rows.append([case[0], shown, speed, f"{statistics.median(updates):.2f}", times(case, "sb3"), times(case, "sbx")])
    return table(["hidden units", "SAC", "env steps per CPU-second", "updates an env step", "times SB3", "times SBX"], rows)
