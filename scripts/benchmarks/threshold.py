"""Seconds to a mean return of 475 on CartPole-v1: our run folders beside Stable-Baselines3, ten seeds each."""

import json
import math
import queue
import statistics
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.formats.json import read_json_object, write_json
from arena.machine.usage import machine_info
from arena.run_folder.record import RunRecord
from benchmarks.peers import peers_fingerprint
from benchmarks.processes import measure_loop, pinned
from benchmarks.run import Say, circumstances
from benchmarks.settings import RL_ZOO_DQN, RL_ZOO_PPO, resolved
from benchmarks.verdicts import Row, Spread

NAME = "to-475"
TARGET_RETURN = 475.0
ALGORITHMS = {"dqn": "keras-dqn", "ppo": "keras-ppo"}
"""Whose config gives SB3's settings their names; the values are RL Zoo's."""
MAX_ENV_STEPS = {"dqn": 200_000, "ppo": 100_000}
"""DQN: as `configs/cartpole.toml`. PPO: RL Zoo's, at whose end its learning rate is zero."""
_WORKING = ("train", "log", "checkpoint")


def read_runs(runs: Path) -> list[dict[str, Any]]:
    """Returns what the runs of the experiment's folder `runs` took on CartPole-v1.

    Raises:
        ArenaError: if there are none, or one is of an earlier version.
    """
    ours = [_ours(path.parent) for path in sorted(runs.glob("*/CartPole-v1/seed-*/result.json"))]
    if not ours:
        raise ArenaError(f"no results in {runs}; run `arena run configs/cartpole.toml` first, or give its folder with --runs")
    return ours


def measure_to_threshold(
    folder: Path, ours: list[dict[str, Any]], *, num_seeds: int, cores: Sequence[int], peers: Path, say: Say
) -> dict[str, Any]:
    """Runs SB3 for some seeds, and writes them beside `ours` to `folder/to-475.json`.

    As many run at a time as there are `cores`, each on one of its own, as `arena run` has it. All seeds that were measured there with
    the same settings, machine, cores and versions are kept; others are dropped.

    Raises:
        ArenaError: if SB3 fails on a seed; once the others are done and written.
    """
    path = folder / f"{NAME}.json"
    kept = read_json_object(path).get("sb3", {}) if path.exists() else {}
    conditions = {"lock": peers_fingerprint(), "machine": machine_info(), "cores": list(cores)}
    settings = {algorithm: resolved(agent, RL_ZOO_DQN if algorithm == "dqn" else RL_ZOO_PPO) for algorithm, agent in ALGORITHMS.items()}

    def asked(name: str) -> dict[str, Any]:
        algorithm, seed = name.split("/")
        request = {"loop": f"sb3-{algorithm}-to-475", "env_steps": MAX_ENV_STEPS[algorithm], "seed": int(seed)}
        request["hyperparameters"] = json.loads(json.dumps(settings[algorithm]))
        return {"request": request, "conditions": conditions}

    theirs = {name: found for name, found in kept.items() if asked(name).items() <= found.items()}
    missing = [name for algorithm in ALGORITHMS for seed in range(num_seeds) if (name := f"{algorithm}/{seed}") not in theirs]
    free = queue.SimpleQueue[int]()
    for core in cores:
        free.put(core)

    def measure(name: str) -> dict[str, Any]:
        core = free.get()
        try:
            with pinned([core]):  # this thread, and with it the process that it starts
                measured = measure_loop(None, asked(name)["request"], {}, peers, timeout_seconds=7_200.0)
        finally:
            free.put(core)
        return {**measured, **asked(name)}

    def write() -> dict[str, Any]:
        sb3 = {name: theirs[name] for name in sorted(theirs, key=lambda name: (name.split("/")[0], int(name.split("/")[1])))}
        outcome = {"contest": NAME, "ours": ours, "sb3": sb3, **circumstances(1, cores)}
        write_json(path, outcome)
        return outcome

    errors = []
    with ThreadPoolExecutor(len(cores)) as threads:
        names = {threads.submit(measure, name): name for name in missing}
        for future in as_completed(names):
            name = names[future]
            try:
                theirs[name] = future.result()
            except ArenaError as error:
                errors.append(error)
                say(f"{NAME}: SB3 {name} failed: {error}")
                continue
            write()
            reached = "reached" if theirs[name]["reached"] else "not reached"
            say(f"{NAME}: SB3 {name}: {theirs[name]['start_seconds']:.1f} s of start-up, {theirs[name]['wall_seconds']:.1f} s, {reached}")
    if errors:
        raise errors[0]
    return write()


def _ours(path: Path) -> dict[str, Any]:
    record = RunRecord(path)
    result = record.result
    assert result is not None
    if "start" not in result.seconds:
        raise ArenaError(f"{path} was run by an earlier version, which did not clock the start of the process; run it again")
    return {
        "agent": result.agent,
        "id": record.run.agent.agent,
        "seed": result.seed,
        "env_steps": result.env_steps,
        "reached": result.status == "finished" and result.reason.startswith(f"a return of {TARGET_RETURN:g} held"),
        "start_seconds": result.start_seconds,
        "wall_seconds": sum(result.seconds.get(part, 0.0) for part in _WORKING),
    }


def threshold_rows(outcome: Mapping[str, Any]) -> list[Row]:
    """Returns two rows for each of our agents that SB3 has an algorithm for: with start-up, and without."""
    found = []
    for agent in dict.fromkeys(run["agent"] for run in outcome["ours"]):
        runs = [run for run in outcome["ours"] if run["agent"] == agent]
        algorithm = str(runs[0]["id"]).rpartition("-")[2]
        rivals = [run for name, run in outcome["sb3"].items() if name.startswith(f"{algorithm}/")]
        if not rivals:
            continue
        for name, parts in ((f"{agent}-{NAME}", ("start_seconds", "wall_seconds")), (f"{agent}-{NAME}-warm", ("wall_seconds",))):
            ours, theirs = ([_seconds(run, parts) for run in side] for side in (runs, rivals))
            figure, target = Spread.of(ours), statistics.median(theirs)
            counted = (
                f"{sum(run['reached'] for run in runs)} of {len(runs)} seeds, SB3 {sum(r['reached'] for r in rivals)} of {len(rivals)}"
            )
            what = f"`{agent}`: seconds to 475, {'start-up included' if len(parts) == 2 else 'without start-up'}, against SB3"
            verdict = "met" if figure.median < target else "missed"
            found.append(Row(name=name, what=what, target=target, unit="s", figure=figure, verdict=verdict, note=counted))
    return found


def _seconds(run: Mapping[str, Any], parts: Sequence[str]) -> float:
    return sum(float(run[part]) for part in parts) if run["reached"] else math.inf
