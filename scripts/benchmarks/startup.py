"""Measures a worker from its start to its first env step: CPU seconds of each part and wall seconds, for each agent.

It runs the real worker up to the end of its first env step, in processes of their own with one thread, and times the parts inside. With
`--before`, the worker of another source tree takes turns with this one, so that both meet the same machine.

    benchmark.py startup                                        with no compiled programs kept, then with those of an earlier run
    benchmark.py startup --before ../arena-before --agents keras-dqn,rllib-ppo --repeats 3
    benchmark.py startup --agents rllib-dqn --importtime 25     instead: the 25 modules that take longest to import
    benchmark.py startup --agents rllib-dqn --end               instead: how long a process takes to end
    benchmark.py startup --agents rllib-dqn --collections       instead: how long garbage collection in the import takes
"""

import functools
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from arena.errors import ArenaError, did_you_mean
from arena.executors.process import THREAD_VARIABLES
from benchmarks.options import option_parser
from benchmarks.processes import ROOT

CHILD = Path(__file__).parent / "child" / "first_step.py"
AGENTS: dict[str, tuple[str, dict[str, object]]] = {
    "tfagents-dqn": ("tfagents-dqn", {}),
    "rllib-dqn": ("rllib-dqn", {}),
    "rllib-ppo": ("rllib-ppo", {}),
    **{
        f"{name} ({backend})": (name, {"backend": backend})
        for name in ("keras-dqn", "keras-ppo")
        for backend in ("jax", "tensorflow", "torch")
    },
    "keras-dqn (torch compiled)": ("keras-dqn", {"backend": "torch", "compile": True}),
    "kerasrl-dqn": ("kerasrl-dqn", {}),
}
"""Rows of the table: the agent of each, and its hyperparameters."""
PARTS = ("core", "import", "build", "compile", "first step")


def main(options: Sequence[str]) -> None:
    """Measures what the options ask for, and prints a table."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("--agents", default=",".join(AGENTS), help="comma-separated rows of the table")
    parser.add_argument("--env", default="CartPole-v1")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--before", type=Path, help="another source tree to measure beside this one")
    parser.add_argument(
        "--importtime", type=int, metavar="N", help="list the N modules that take longest to import, and measure nothing else"
    )
    parser.add_argument(
        "--end",
        action="store_true",
        help="measure what a process with the agent's framework takes to end, by sys.exit and by arena.worker.exit.leave",
    )
    parser.add_argument(
        "--collections",
        action="store_true",
        help="count and time the garbage collections in the agent's import, as it would be without the worker, and the objects after it",
    )
    arguments = parser.parse_args(options)
    names = [name.strip() for name in arguments.agents.split(",")]
    for name in names:
        if name not in AGENTS:
            raise ArenaError(f"no row {name!r}{did_you_mean(name, AGENTS)} (there are: {', '.join(AGENTS)})")
    with tempfile.TemporaryDirectory(prefix="arena-startup-") as folder:
        if arguments.importtime:
            list_imports(Path(folder), names[0], arguments.env, arguments.importtime)
            return
        if arguments.end:
            print("| agent | by `sys.exit` | by `arena.worker.exit.leave` |\n|---|---:|---:|")
            for name in names:
                print_ends(name, arguments.env, arguments.repeats)
            return
        if arguments.collections:
            print("| agent | collections | full | seconds | objects afterwards | seconds of a full one |\n|---|---:|---:|---:|---:|---:|")
            for name in names:
                found = import_alone(name, arguments.env, before=COUNT_COLLECTIONS, after=PRINT_COLLECTIONS)
                print(f"| {name} | {found} |", flush=True)
            return
        print_header()
        for name in names:
            print_row(name, measure(Path(folder), name, arguments.env, arguments.repeats, arguments.before))


def measure(folder: Path, name: str, env: str, repeats: int, before: Path | None) -> dict[str, list[dict[str, float]]]:
    """Returns the seconds of each process. The other tree, this tree without kept programs and this tree with them take turns."""
    found: dict[str, list[dict[str, float]]] = {"before": [], "cold": [], "warm": []}
    for repeat in range(repeats):
        cache = folder / f"{name}-{repeat}".replace(" ", "_")
        if before is not None:
            found["before"].append(start(folder, name, env, before.resolve(), "off")[0])
        found["cold"].append(start(folder, name, env, ROOT, str(cache))[0])
        found["warm"].append(start(folder, name, env, ROOT, str(cache))[0])
    return found


def start(folder: Path, name: str, env: str, tree: Path, cache: str, *options: str) -> tuple[dict[str, float], str]:
    """Runs one worker to its first env step; returns the seconds of its parts, and what it wrote to standard error and its log.

    Args:
        folder: folder for the run folder.
        name: row of the table.
        env: id of the environment.
        tree: source tree of the worker.
        cache: folder of compiled programs that are kept, or `off`.
        options: options of Python.
    """
    agent, hyperparameters = AGENTS[name]
    run_folder = Path(tempfile.mkdtemp(dir=folder))
    path = os.pathsep.join(map(str, (tree, tree / "agents", tree / "envs")))
    environment = {**os.environ, "PYTHONPATH": path, "ARENA_CACHE": cache, "CUDA_VISIBLE_DEVICES": ""}
    environment |= dict.fromkeys(THREAD_VARIABLES, "1")
    run, process_env = prepare(path, agent, json.dumps(hyperparameters), env)
    (run_folder / "run.json").write_text(run)
    environment |= process_env
    command = [sys.executable, *options, "-P", str(CHILD), str(run_folder), repr(time.time())]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    said = process.stderr + (run_folder / "worker.log").read_text()
    marks = run_folder / "marks.json"
    if not marks.exists():
        raise ArenaError(f"the worker of {name} took no env step: {said[-2_000:]}")
    return json.loads(marks.read_text()), said


@functools.cache
def prepare(path: str, agent: str, hyperparameters: str, env: str) -> tuple[str, dict[str, str]]:
    """Returns the text of `run.json` and the agent's environment variables, both made by the source tree at `path`."""
    code = f"""
import json
from arena.experiment.file import from_table
from arena.agent.hyperparameters import build_config
agents = [{{"agent": {agent!r}, "hyperparameters": json.loads({hyperparameters!r})}}]
run = next(from_table({{"name": "s", "output": ".", "agents": agents, "envs": [{env!r}], "budget": {{"env_steps": 100_000}}}}).runs())
document = json.dumps({{"schema_version": 1, "inputs": run.inputs(), "resources": {{"device": "cpu"}}}})
print(json.dumps([document, run.spec().process_env_for(build_config(run.spec().config, run.agent.hyperparameters, where="it"))]))
"""
    environment = {**os.environ, "PYTHONPATH": path, "ARENA_NUM_THREADS": "1"}
    output = subprocess.run([sys.executable, "-P", "-c", code], env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    document, process_env = json.loads(output.splitlines()[-1])
    return document, process_env


def print_header() -> None:
    """Prints the head of the table."""
    print(f"CPU seconds by part, then wall seconds to the first env step; medians. Load at the beginning {os.getloadavg()[0]:.1f}.\n")
    print(f"| agent | tree | {' | '.join(PARTS)} | CPU | wall | wall, min to max |")
    print("|---|---|" + "---:|" * (len(PARTS) + 3))


def print_row(name: str, found: dict[str, list[dict[str, float]]]) -> None:
    """Prints a row for each state that was measured: the other tree, no programs kept, programs kept."""
    labels = {"before": "before", "cold": "now, nothing kept", "warm": "now, programs kept"}
    for state, marks in found.items():
        if marks:
            cells = [statistics.median(each.get(part, 0.0) for each in marks) for part in (*PARTS, "total", "wall")]
            walls = sorted(each["wall"] for each in marks)
            row = " | ".join(f"{value:.2f}" for value in cells)
            print(f"| {name} | {labels[state]} | {row} | {walls[0]:.1f} to {walls[-1]:.1f} |", flush=True)


COUNT_COLLECTIONS = """
import gc
seconds, full, began = [], 0, 0.0
def count(phase, info):
    global full, began
    if phase == "start":
        began = time.perf_counter()
    else:
        seconds.append(time.perf_counter() - began)
        full += info["generation"] == 2
gc.callbacks.append(count)
"""
PRINT_COLLECTIONS = """
gc.callbacks.remove(count)
objects, began = len(gc.get_objects()), time.perf_counter()
gc.collect()
took = time.perf_counter() - began
print(f"{len(seconds)} | {full} | {sum(seconds):.2f} | {objects:,} | {took:.2f}")
"""


def print_ends(name: str, env: str, repeats: int) -> None:
    """Prints the wall seconds from the last statement of a process until its end, after the imports of the agent's worker."""
    found: dict[str, list[float]] = {"sys.exit(0)": [], "leave(0)": []}
    for _ in range(repeats):
        for end, seconds in found.items():
            last = import_alone(name, env, after=f"print(time.monotonic(), flush=True)\n{end}")
            seconds.append(time.monotonic() - float(last))
    print(f"| {name} | {' | '.join(f'{min(seconds):.2f} to {max(seconds):.2f}' for seconds in found.values())} |", flush=True)


def import_alone(name: str, env: str, *, before: str = "", after: str) -> str:
    """Imports what the agent's worker imports, in a process of its own, and returns the last line that it prints.

    Args:
        name: row of the table.
        env: id of the environment.
        before: statements to run before the agent is imported.
        after: statements to run afterwards.
    """
    agent, hyperparameters = AGENTS[name]
    path = os.pathsep.join(map(str, (ROOT, ROOT / "agents", ROOT / "envs")))
    _, process_env = prepare(path, agent, json.dumps(hyperparameters), env)
    environment = {**os.environ, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "", **process_env}
    code = f"""
import sys, time
from arena.agent.hyperparameters import build_config
from arena.agent.registry import agent_spec
from arena.agent.isolation import refuse_other_frameworks
from arena.worker.exit import leave
spec = agent_spec({agent!r})
refuse_other_frameworks(spec.modules_for(build_config(spec.config, {hyperparameters!r}, where="it")))
{before}
spec.load()
{after}
"""
    command = [sys.executable, "-P", "-c", code]
    output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    return output.strip().splitlines()[-1]


def list_imports(folder: Path, name: str, env: str, count: int) -> None:
    """Prints the modules with the most cumulative import time, in milliseconds: `python -X importtime`."""
    _, text = start(folder, name, env, ROOT, "off", "-X", "importtime")
    rows = [(int(total), int(own), module) for own, total, module in re.findall(r"import time:\s+(\d+) \|\s+(\d+) \|\s*(\S+)", text)]
    for total, own, module in sorted(rows, reverse=True)[:count]:
        print(f"{total / 1e3:9.1f} {own / 1e3:9.1f}  {module}")
