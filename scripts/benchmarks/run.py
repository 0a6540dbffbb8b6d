"""The rounds of the benchmark: all ways of a contest take turns, so that what else the machine does meets all of them alike."""

import dataclasses
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.formats.json import write_json
from arena.machine.usage import git_commit, machine_info, package_versions
from benchmarks.balance import write_policy
from benchmarks.processes import FIXED_ENVIRONMENT, THREADS, Measurement, measure_arena, measure_loop, measure_rival, pinned
from benchmarks.settings import EVALUATION, WHOLE, Contest

VERSIONS = (
    "arena-rl",
    "gymnasium",
    "numpy",
    "tf-agents",
    "tensorflow",
    "tf-keras",
    "ray",
    "torch",
    "keras",
    "jax",
    "keras-rl2",
    "onnxruntime",
)
Say = Callable[[str], None]


def measure_contest(contest: Contest, folder: Path, *, rounds: int, cores: Sequence[int], peers: Path, say: Say) -> dict[str, Any]:
    """Measures all ways of a contest, `rounds` times in turn, and writes `folder/<name>.json`.

    A way that fails is left out of the later rounds, and its complaint is kept.
    """
    rivals = {rival.name: rival for rival in contest.rivals}
    names, failures = ["arena", *rivals, "floor", WHOLE], {}
    measurements: list[Measurement] = []
    with pinned(cores), tempfile.TemporaryDirectory(prefix="arena-benchmark-") as runs:
        for number in range(rounds):
            for name in [name for name in names if name not in failures]:
                load = os.getloadavg()[0]
                try:
                    if name == "arena":
                        measured = measure_arena(contest, Path(runs, str(number)), number, env_steps=contest.env_steps)
                        shutil.rmtree(Path(runs, str(number)))
                    elif name == WHOLE:
                        measured = _measure_whole(contest, Path(runs, WHOLE), number)
                    elif name == "floor":
                        measured = _measure_floor(contest, peers)
                    else:
                        measured = measure_rival(contest, rivals[name], number, peers)
                except ArenaError as error:
                    failures[name] = str(error)
                    say(f"{contest.name}: {name} failed: {error}")
                    continue
                measurements.append({**measured, "way": name, "round": number, "load": load})
                say(f"{contest.name}, round {number + 1} of {rounds}: {name} {_told(measured)}")
    outcome = {
        "contest": contest.name,
        "agent": contest.agent,
        "algorithm": contest.algorithm,
        "env_steps": contest.env_steps,
        "hyperparameters": dict(contest.hyperparameters),
        "source": contest.source,
        "rivals": [dataclasses.asdict(rival) for rival in contest.rivals],
        "measurements": measurements,
        "failures": failures,
        **circumstances(rounds, cores),
    }
    write_json(folder / f"{contest.name}.json", outcome)
    return outcome


def measure_evaluation(folder: Path, *, rounds: int, core: int, peers: Path, say: Say) -> dict[str, Any]:
    """Measures `policy.onnx` played by `evaluate` beside SB3's `evaluate_policy`, on one core; writes `folder/evaluation.json`."""
    measurements: list[Measurement] = []
    failures: dict[str, str] = {}
    with pinned([core]), tempfile.TemporaryDirectory(prefix="arena-benchmark-") as files:
        write_policy(Path(files))
        for number in range(rounds):
            for name, module in (("arena", "benchmarks.balance"), ("sb3", None)):
                if name in failures:
                    continue
                request = {"loop": "evaluate", "env_steps": 0, "seed": number, "hyperparameters": {"folder": files}}
                try:
                    measured = measure_loop(module, request, FIXED_ENVIRONMENT, peers)
                except ArenaError as error:
                    failures[name] = str(error)
                    say(f"{EVALUATION}: {name} failed: {error}")
                    continue
                measurements.append({**measured, "way": name, "round": number, "load": os.getloadavg()[0]})
                say(f"{EVALUATION}, round {number + 1} of {rounds}: {name} {_told(measured)}")
    outcome = {"contest": EVALUATION, "measurements": measurements, "failures": failures, **circumstances(rounds, [core])}
    write_json(folder / f"{EVALUATION}.json", outcome)
    return outcome


def _measure_whole(contest: Contest, folder: Path, number: int) -> Measurement:
    """Measures a run of `Contest.whole_env_steps`, with the programs that an earlier one has kept."""
    cache = folder / "cache"
    if not cache.exists():
        measure_arena(contest, folder / "first", number, env_steps=contest.env_steps, cache=str(cache))
    return measure_arena(contest, folder / str(number), number, env_steps=contest.whole_env_steps, cache=str(cache))


def _measure_floor(contest: Contest, peers: Path) -> Measurement:
    request = {"loop": contest.algorithm, "env_steps": 0, "seed": 0, "hyperparameters": dict(contest.hyperparameters)}
    return measure_loop("benchmarks.floor", request, {}, peers)


def circumstances(rounds: int, cores: Sequence[int]) -> dict[str, Any]:
    """Returns when and on what something was measured, fit for JSON."""
    return {
        "rounds": rounds,
        "cores": list(cores),
        "threads": THREADS,
        "time": time.strftime("%Y-%m-%d"),
        "machine": machine_info(),
        "versions": package_versions(VERSIONS),
        "git": git_commit(Path.cwd()),
    }


def _told(measured: Measurement) -> str:
    if not measured["env_steps"]:
        return f"{1e6 * measured['env_step_wall_seconds']:.1f} µs an env step, {1e6 * measured['update_wall_seconds']:.0f} µs an update"
    rate = measured["env_steps"] / measured["wall_seconds"]
    seconds = f"{measured['wall_seconds']:.1f} s, start-up {measured['start_seconds']:.1f} s"
    return f"{rate:,.0f} env steps/s, {measured['updates']:,} updates, {seconds}"
