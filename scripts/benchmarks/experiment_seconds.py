"""Measures wall time and CPU time of one experiment in two source trees, which take turns, agent by agent, on the same cores.

Both trees run in the environment of this one; `ARENA_WARM=off` may also be compared with warm workers, in one tree.

    benchmark.py experiment-seconds --before ../arena-before              20 runs of each of four agents, two at a time
    benchmark.py experiment-seconds --spawned --agents keras-ppo --seeds 4
"""

import dataclasses
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from arena.errors import ArenaError
from arena.formats.toml import toml_table, toml_value
from arena.machine.cores import usable_cores
from benchmarks.options import names, option_parser
from benchmarks.processes import ROOT, pinned

WORKERS = 2
"""Runs at a time, and cores."""


@dataclasses.dataclass(frozen=True)
class Seconds:
    """The cost of one experiment."""

    wall: float
    """Wall-clock seconds from the start of the command to its end."""
    cpu: float
    """CPU-seconds of the command and of all its processes, user and system."""


def main(options: Sequence[str]) -> None:
    """Measures both sides for each agent, and prints the table."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("--before", type=Path, help="another source tree to measure beside this one")
    parser.add_argument("--spawned", action="store_true", help="measure this tree without warm workers as the other side")
    parser.add_argument("--agents", type=names, default="tfagents-dqn,rllib-ppo,keras-ppo,kerasrl-dqn")
    parser.add_argument("--envs", type=names, default="CartPole-v1,Acrobot-v1")
    parser.add_argument("--seeds", type=int, default=10, help="number of seeds")
    parser.add_argument("--steps", type=int, default=50_000, help="env steps of each run")
    arguments = parser.parse_args(options)
    if (arguments.before is not None) == arguments.spawned:
        parser.error("give either --before TREE or --spawned: what to compare with")
    tree = ROOT if arguments.before is None else arguments.before.resolve()
    if not (tree / "arena").is_dir():
        parser.error(f"--before {tree}: no source tree of the arena")
    sides = {"before": tree_environment(tree, warm=not arguments.spawned), "now": tree_environment(ROOT, warm=True)}
    print(
        "| agent | runs | before: wall s | CPU s | now: wall s | CPU s | wall | CPU |\n|---|---:|---:|---:|---:|---:|---:|---:|", flush=True
    )
    for index, agent in enumerate(arguments.agents):
        experiment = experiment_text(agent, arguments.envs, arguments.seeds, arguments.steps)
        turns = list(sides) if index % 2 == 0 else list(reversed(sides))
        found = {side: measure(experiment, sides[side]) for side in turns}
        before, now = found["before"], found["now"]
        cells = [f"{each:.1f}" for side in (before, now) for each in (side.wall, side.cpu)]
        ratios = [f"{now.wall / before.wall:.0%}", f"{now.cpu / before.cpu:.0%}"]
        print(f"| `{agent}` | {arguments.seeds * len(arguments.envs)} | {' | '.join([*cells, *ratios])} |", flush=True)


def tree_environment(tree: Path, *, warm: bool) -> dict[str, str]:
    """Returns the environment variables of a process that imports the arena from the folder `tree`."""
    paths = [str(tree / part) for part in (".", "agents", "envs")] + list(filter(None, [os.environ.get("PYTHONPATH")]))
    variables = {name: value for name, value in os.environ.items() if name != "ARENA_WARM"}
    return {**variables, "PYTHONPATH": os.pathsep.join(paths), **({} if warm else {"ARENA_WARM": "off"})}


def experiment_text(agent: str, envs: Sequence[str], num_seeds: int, env_steps: int) -> str:
    """Returns the experiment file of one agent; its output is the folder `runs` beside it."""
    top = {"name": "seconds", "output": "runs", "agents": [agent], "envs": list(envs), "seeds": num_seeds}
    lines = [f"{key} = {toml_value(value)}" for key, value in top.items()]
    lines += toml_table("budget", {"env_steps": env_steps}) + toml_table("resources", {"workers": WORKERS, "device": "cpu"})
    return "\n".join(lines) + "\n"


def measure(experiment: str, environment: dict[str, str]) -> Seconds:
    """Runs an experiment in a process of its own, with an empty cache of compiled programs, and returns what it cost.

    Raises:
        ArenaError: If the command fails.
    """
    with tempfile.TemporaryDirectory(prefix="arena-seconds-") as folder, pinned(usable_cores()[:WORKERS]):
        file = Path(folder, "experiment.toml")
        file.write_text(experiment, encoding="utf-8")
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        ended = subprocess.run(
            [sys.executable, "-m", "arena", "run", str(file)],
            env={**environment, "ARENA_CACHE": str(Path(folder, "cache"))},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.returncode:
        raise ArenaError(f"the experiment failed: {(ended.stderr.splitlines() or ['no message'])[-1][:200]}")
    return Seconds(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
