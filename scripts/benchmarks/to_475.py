"""Measures the seconds until a mean return of 475 on CartPole-v1: finished runs of our agents, and as many seeds of SB3 beside them.

    arena run configs/cartpole.toml
    benchmark.py to-475                    ten seeds of SB3's DQN and PPO, then docs/performance.md

Seeds of SB3 that were measured before are kept if settings, machine, cores and versions are the same.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.experiment.folder import make_folder
from arena.formats.json import read_json_object, write_json
from arena.machine.description import machine_info
from arena.run_folder.record import RunRecord
from benchmarks.cases import SB3_LOOP
from benchmarks.circumstances import measured_circumstances
from benchmarks.hyperparameters import RL_ZOO_DQN, RL_ZOO_PPO, resolved
from benchmarks.options import option_parser
from benchmarks.peers import PEERS, peers_fingerprint, peers_python
from benchmarks.performance import FOLDER, cores_to_use, print_verdicts, read_outcomes, say
from benchmarks.performance_page import PAGE, performance_page, write_page
from benchmarks.processes import ROOT, on_free_cores
from benchmarks.rounds import Say
from benchmarks.variants import measure_peer
from benchmarks.verdicts import TO_475

TARGET_RETURN = 475.0
ALGORITHMS = {"dqn": "keras-dqn", "ppo": "keras-ppo"}
"""Agents whose configs give SB3's settings their names; the values are RL Zoo's."""
MAX_ENV_STEPS = {"dqn": 200_000, "ppo": 100_000}
"""Env steps after which SB3 gives up. DQN: as in `configs/cartpole.toml`. PPO: RL Zoo's, at which its learning rate reaches zero."""
TIMEOUT_SECONDS = 7_200.0


def main(options: Sequence[str]) -> int:
    """Measures the missing seeds of SB3, and writes the page."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("--runs", type=Path, default=ROOT / "logs" / "cartpole", metavar="DIR", help="folder of the finished runs")
    parser.add_argument("--seeds", type=int, default=10, help="number of seeds of SB3")
    parser.add_argument("--output", "-o", type=Path, default=FOLDER, help="folder of the measurements")
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE", help="Markdown page of the tables")
    parser.add_argument("--peers", type=Path, default=PEERS, metavar="DIR", help="environment of SB3 and SBX, set up if it is missing")
    parser.add_argument("--cores", type=int, default=2, help="number of seeds that run at a time, each on a core of its own")
    arguments = parser.parse_args(options)
    cores = cores_to_use(arguments.cores)
    ours, page = read_runs(arguments.runs), performance_page(arguments.page)
    make_folder(arguments.output)
    peers_python(arguments.peers)  # before anything is measured, since it may take long or fail
    measure_to_475(arguments.output, ours, num_seeds=arguments.seeds, cores=cores, peers=arguments.peers, say=say)
    outcomes = read_outcomes(arguments.output)
    write_page(page, outcomes)
    print_verdicts(outcomes)
    return 0


def read_runs(runs: Path) -> list[dict[str, Any]]:
    """Returns what each run on CartPole-v1 in the experiment's folder `runs` took.

    Raises:
        ArenaError: if there are none, or an earlier version has made one.
    """
    ours = [_ours(path.parent) for path in sorted(runs.glob("*/CartPole-v1/seed-*/result.json"))]
    if not ours:
        raise ArenaError(f"no results in {runs}; run `arena run configs/cartpole.toml` first, or give its folder with --runs")
    return ours


def measure_to_475(
    folder: Path, ours: list[dict[str, Any]], *, num_seeds: int, cores: Sequence[int], peers: Path, say: Say
) -> dict[str, Any]:
    """Runs SB3 for some seeds, and writes them beside `ours` to `folder/to-475.json`.

    As many run at a time as there are `cores`, each on a core of its own, as with `arena run`. Seeds that the file holds already are kept
    if their settings, machine, cores and versions are the same, and dropped otherwise.

    Raises:
        ArenaError: if SB3 fails on a seed; after the other seeds are measured and written.
    """
    path = folder / f"{TO_475}.json"
    kept = read_json_object(path).get("sb3", {}) if path.exists() else {}
    conditions = {"lock": peers_fingerprint(), "machine": machine_info(), "cores": list(cores)}
    theirs = {name: found for name, found in kept.items() if _asked(name, conditions).items() <= found.items()}
    missing = [name for algorithm in ALGORITHMS for seed in range(num_seeds) if (name := f"{algorithm}/{seed}") not in theirs]

    def measure(name: str) -> dict[str, Any]:
        asked = _asked(name, conditions)
        return {**measure_peer(SB3_LOOP, asked["request"], peers, TIMEOUT_SECONDS), **asked}

    def write() -> dict[str, Any]:
        sb3 = {name: theirs[name] for name in sorted(theirs, key=lambda name: (name.split("/")[0], int(name.split("/")[1])))}
        outcome = {"case": TO_475, "ours": ours, "sb3": sb3, **measured_circumstances(1, cores)}
        write_json(path, outcome)
        return outcome

    errors = []
    for name, future in on_free_cores(missing, [[core] for core in cores], measure):
        try:
            theirs[name] = found = future.result()
        except ArenaError as error:
            errors.append(error)
            say(f"{TO_475}: SB3 {name} failed: {error}")
            continue
        write()
        reached = "reached" if found["reached"] else "not reached"
        say(f"{TO_475}: SB3 {name}: {found['start_seconds']:.1f} s of start-up, {found['wall_seconds']:.1f} s, {reached}")
    if errors:
        raise errors[0]
    return write()


def _asked(name: str, conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what is asked of SB3 for `dqn/SEED` or `ppo/SEED`, and under which conditions; a seed with the same is not measured again."""
    algorithm, seed = name.split("/")
    settings = resolved(ALGORITHMS[algorithm], RL_ZOO_DQN if algorithm == "dqn" else RL_ZOO_PPO)
    request = {"loop": f"sb3-{algorithm}-to-475", "env_steps": MAX_ENV_STEPS[algorithm], "seed": int(seed)}
    return {"request": {**request, "hyperparameters": json.loads(json.dumps(settings))}, "conditions": conditions}


def _ours(path: Path) -> dict[str, Any]:
    record = RunRecord(path)
    result = record.result
    assert result is not None
    if not result.seconds.start:
        raise ArenaError(f"{path} was run by an earlier version, which did not clock the start of the process; run it again")
    return {
        "agent": result.agent,
        "id": record.run.agent.agent,
        "seed": result.seed,
        "env_steps": result.env_steps,
        "reached": result.status == "finished" and result.reason.startswith(f"a return of {TARGET_RETURN:g} held"),
        "start_seconds": result.seconds.until_training,
        "wall_seconds": result.seconds.train + result.seconds.log + result.seconds.checkpoint,
    }
