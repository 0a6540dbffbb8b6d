"""The rounds of a case: its variants take turns, so that whatever else the machine does meets all of them alike."""

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.formats.json import write_json
from benchmarks.balancing_policy import write_policy
from benchmarks.cases import SB3_LOOP, BenchmarkCase
from benchmarks.circumstances import measured_circumstances
from benchmarks.processes import child_environment, pinned
from benchmarks.variants import THREADS, Measurement, measure_arena, measure_baseline, measure_loop, measure_peer
from benchmarks.verdicts import EVALUATION, WHOLE

Say = Callable[[str], None]
"""Prints a line of progress."""


def measure_case(case: BenchmarkCase, folder: Path, *, rounds: int, cores: Sequence[int], peers: Path, say: Say) -> dict[str, Any]:
    """Measures all variants of a case in turns, `rounds` times, and writes `folder/<name>.json`.

    A variant that fails is left out of the later rounds, and its error is kept.
    """
    with pinned(cores), tempfile.TemporaryDirectory(prefix="arena-benchmark-") as runs:
        variants: dict[str, Callable[[int], Measurement]] = {
            "arena": lambda number: _measure_short(case, Path(runs, str(number)), number),
            **{
                baseline.name: lambda number, baseline=baseline: measure_baseline(case, baseline, number, peers)  # type: ignore[misc]
                for baseline in case.baselines
            },
            "floor": lambda _: _measure_floor(case),
            WHOLE: lambda number: _measure_whole(case, Path(runs, WHOLE), number),
        }
        measurements, failures = take_turns(case.name, variants, rounds, say)
    outcome = {
        "case": case.name,
        "agent": case.agent,
        "algorithm": case.algorithm,
        "env_steps": case.env_steps,
        "floor_target": case.floor_target,
        "hyperparameters": dict(case.hyperparameters),
        "source": case.source,
        "baselines": [dataclasses.asdict(baseline) for baseline in case.baselines],
        "measurements": measurements,
        "failures": failures,
        **measured_circumstances(rounds, cores),
    }
    write_json(folder / f"{case.name}.json", outcome)
    return outcome


def measure_evaluation(folder: Path, *, rounds: int, core: int, peers: Path, say: Say) -> dict[str, Any]:
    """Measures `evaluate` on `policy.onnx` beside SB3's `evaluate_policy`, on one core; writes `folder/evaluation.json`."""
    with pinned([core]), tempfile.TemporaryDirectory(prefix="arena-benchmark-") as files:
        write_policy(Path(files))

        def request(number: int) -> dict[str, Any]:
            return {"loop": "evaluate", "env_steps": 0, "seed": number, "hyperparameters": {"folder": files}}

        variants: dict[str, Callable[[int], Measurement]] = {
            "arena": lambda number: measure_loop("benchmarks.child.evaluate_policy", request(number)),
            "sb3": lambda number: measure_peer(SB3_LOOP, request(number), peers),
        }
        measurements, failures = take_turns(EVALUATION, variants, rounds, say)
    outcome = {"case": EVALUATION, "measurements": measurements, "failures": failures, **measured_circumstances(rounds, [core])}
    write_json(folder / f"{EVALUATION}.json", outcome)
    return outcome


def take_turns(
    what: str, variants: Mapping[str, Callable[[int], Measurement]], rounds: int, say: Say
) -> tuple[list[Measurement], dict[str, str]]:
    """Calls every variant with the number of each round; returns what they measured, and the error of each that failed."""
    measurements: list[Measurement] = []
    failures: dict[str, str] = {}
    for number in range(rounds):
        for name in [name for name in variants if name not in failures]:
            load = os.getloadavg()[0]
            try:
                measured = variants[name](number)
            except ArenaError as error:
                failures[name] = str(error)
                say(f"{what}: {name} failed: {error}")
                continue
            measurements.append({**measured, "variant": name, "round": number, "load": load})
            say(f"{what}, round {number + 1} of {rounds}: {name} {_described(measured)}")
    return measurements, failures


def _measure_short(case: BenchmarkCase, folder: Path, number: int) -> Measurement:
    measured = measure_arena(case, folder, number, env_steps=case.env_steps)
    shutil.rmtree(folder)
    return measured


def _measure_whole(case: BenchmarkCase, folder: Path, number: int) -> Measurement:
    """Measures a run of `BenchmarkCase.whole_env_steps`, with the compiled programs that an earlier run has kept."""
    cache = folder / "cache"
    if not cache.exists():
        measure_arena(case, folder / "first", number, env_steps=case.env_steps, cache=str(cache))
    return measure_arena(case, folder / str(number), number, env_steps=case.whole_env_steps, cache=str(cache))


def _measure_floor(case: BenchmarkCase) -> Measurement:
    request = {"loop": case.algorithm, "env_steps": 0, "seed": 0, "hyperparameters": dict(case.hyperparameters)}
    return measure_loop("benchmarks.child.floor", request, child_environment(THREADS, "keras-dqn"))  # the settings of JAX


def _described(measured: Measurement) -> str:
    if not measured["env_steps"]:
        step, update, fused = (1e6 * measured[f"{what}_wall_seconds"] for what in ("env_step", "update", "fused_update"))
        return f"{step:.1f} µs an env step, {update:.0f} µs an update, compiled {fused:.0f} µs"
    rate = measured["env_steps"] / measured["wall_seconds"]
    seconds = f"{measured['wall_seconds']:.1f} s, start-up {measured['start_seconds']:.1f} s"
    return f"{rate:,.0f} env steps/s, {measured['updates']:,} updates, {seconds}"
