"""Profiles a worker from its start to its first env step: CPU seconds of each part and wall seconds, for each agent.

Runs the real worker up to the end of its first env step, in processes of their own with one thread; parts are timed inside. With
`--before`, another source tree is measured in alternation with this one, so that both see the same machine.

    python scripts/benchmarks/profile_startup.py                               # this tree: compiled programs kept from an earlier run,
    and none kept
    python scripts/benchmarks/profile_startup.py --before ../arena-before --agents keras-dqn,rllib-ppo --repeats 3
    python scripts/benchmarks/profile_startup.py --agents rllib-dqn --importtime 25   # the 25 modules that take longest to import
    python scripts/benchmarks/profile_startup.py --agents rllib-dqn --end             # instead: how long a process takes to end
    python scripts/benchmarks/profile_startup.py --agents rllib-dqn --collections     # instead: what garbage collection in the import takes
"""

import argparse
import functools
import importlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
AGENTS = {
    "tfagents-dqn": ("tfagents-dqn", {}),
    "rllib-dqn": ("rllib-dqn", {}),
    "rllib-ppo": ("rllib-ppo", {}),
    **{
        f"{name} ({backend})": (name, {"backend": backend})
        for name in ("keras-dqn", "keras-ppo")
        for backend in ("jax", "tensorflow", "torch")
    },
    "keras-dqn (torch, compiled)": ("keras-dqn", {"backend": "torch", "compile": True}),
    "kerasrl-dqn": ("kerasrl-dqn", {}),
}
COMPILING = {
    "arena_keras": "arena_keras.learner:Learner.compile",
    "arena_tfagents": "arena_tfagents.learner:Learner._compile",
    "arena_kerasrl": "arena_kerasrl.fast_path:FastPath.warm_up",
}
"""Where each package compiles; PyTorch without `compile` does not."""
PARTS = ("core", "import", "build", "compile", "first step")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--agents", default=",".join(AGENTS).replace("torch, compiled", "torch; compiled"), help="comma-separated rows of the table"
    )
    parser.add_argument("--env", default="CartPole-v1")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--before", type=Path, help="another source tree to measure beside this one")
    parser.add_argument(
        "--importtime", type=int, metavar="N", help="list the N modules that take longest to import, and measure nothing else"
    )
    parser.add_argument(
        "--end",
        action="store_true",
        help="measure what a process with the agent's framework takes to end, by sys.exit and by arena.worker.worker.leave",
    )
    parser.add_argument(
        "--collections",
        action="store_true",
        help="count and time the garbage collections in the agent's import, as it would be without the worker, and the objects after it",
    )
    parser.add_argument("--child", nargs=2, metavar=("RUN_FOLDER", "START"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        run_child(Path(arguments.child[0]), float(arguments.child[1]))
        return
    names = [name.strip().replace(";", ",") for name in arguments.agents.split(",")]
    with tempfile.TemporaryDirectory(prefix="arena-startup-") as folder:
        if arguments.importtime:
            list_imports(Path(folder), names[0], arguments.env, arguments.importtime)
            return
        if arguments.end:
            print("| agent | by `sys.exit` | by `arena.worker.worker.leave` |\n|---|---:|---:|")
            for name in names:
                print_ends(name, arguments.env, arguments.repeats)
            return
        if arguments.collections:
            print("| agent | collections | full | seconds | objects then | seconds of a full one |\n|---|---:|---:|---:|---:|---:|")
            for name in names:
                found = import_alone(name, arguments.env, before=COUNTED, after=TOLD)
                print(f"| {name} | {found} |", flush=True)
            return
        print_header()
        for name in names:
            print_row(name, measure(Path(folder), name, arguments.env, arguments.repeats, arguments.before))


def measure(folder: Path, name: str, env: str, repeats: int, before: Path | None) -> dict[str, list[dict[str, float]]]:
    """Returns the marks of each process, in alternation: the other tree, this one with nothing kept, and with programs kept."""
    found: dict[str, list[dict[str, float]]] = {"before": [], "cold": [], "warm": []}
    for repeat in range(repeats):
        cache = folder / f"{name}-{repeat}".replace(" ", "_")
        if before is not None:
            found["before"].append(start(folder, name, env, before.resolve(), "off"))
        found["cold"].append(start(folder, name, env, ROOT, str(cache)))
        found["warm"].append(start(folder, name, env, ROOT, str(cache)))
    return found


def start(folder: Path, name: str, env: str, tree: Path, cache: str, *options: str) -> dict[str, float]:
    """Runs one worker of `tree` to its first env step and returns what its child process printed."""
    agent, hyperparameters = AGENTS[name]
    run_folder = Path(tempfile.mkdtemp(dir=folder))
    path = os.pathsep.join(map(str, (tree, tree / "agents", tree / "envs")))
    environment = {**os.environ, "PYTHONPATH": path, "ARENA_CACHE": cache, "CUDA_VISIBLE_DEVICES": ""}
    environment |= dict.fromkeys(("ARENA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"), "1")
    run, process_env = prepare(path, agent, json.dumps(hyperparameters), env)
    (run_folder / "run.json").write_text(run)
    environment |= process_env
    command = [sys.executable, *options, "-P", __file__, "--child", str(run_folder), repr(time.time())]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if options:
        return {"importtime": process.stderr + (run_folder / "worker.log").read_text()}  # type: ignore[dict-item]
    try:
        return json.loads((run_folder / "marks.json").read_text())
    except FileNotFoundError:
        raise SystemExit(f"{name}: {process.stderr[-2_000:]}{(run_folder / 'worker.log').read_text()[-2_000:]}") from None


@functools.cache
def prepare(path: str, agent: str, hyperparameters: str, env: str) -> tuple[str, dict[str, str]]:
    """Returns the run's `run.json` and the agent's process environment, both by the source tree at `path`."""
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


def run_child(run_folder: Path, start_seconds: float) -> None:
    """Works as the run's worker would, up to the end of its first env step; writes CPU seconds by part, and wall seconds."""
    import arena.environments.metering
    import arena.worker.worker

    marks = {"core": time.process_time()}

    def lap(name: str) -> None:
        marks[name] = time.process_time() - sum(marks.values())

    class Stopwatch(arena.worker.worker._Stopwatch):
        def lap(self, name: str) -> None:
            super().lap(name)
            if name == "start":  # of the core's, too: what the worker does before it imports the framework
                marks["core"] = time.process_time()
                return
            lap(name)
            if name == "import":
                for package, place in COMPILING.items():
                    if package in sys.modules:
                        time_compilation(place, marks)

    def first_step(env: Any, actions: Any) -> Any:
        result = step(env, actions)
        lap("first step")
        wall = time.time() - start_seconds
        (run_folder / "marks.json").write_text(json.dumps({**marks, "total": time.process_time(), "wall": wall}))
        finish()
        return result

    def keep_and_remember(*arguments: Any, **options: Any) -> Any:
        context = compile_cache(*arguments, **options)
        contexts.append(context)
        return context

    def finish() -> None:
        for context in contexts:  # as the worker's end would: programs are kept, the copy is removed
            context.__exit__(None, None, None)
        os._exit(0)

    contexts: list[Any] = []
    if hasattr(arena.worker.worker, "compile_cache"):
        compile_cache, arena.worker.worker.compile_cache = arena.worker.worker.compile_cache, keep_and_remember
    step, arena.environments.metering.MeteredVectorEnv.step = arena.environments.metering.MeteredVectorEnv.step, first_step
    arena.worker.worker._Stopwatch = Stopwatch
    sys.exit(arena.worker.worker.main(str(run_folder)))


def time_compilation(place: str, marks: dict[str, float]) -> None:
    """Has the method at `place` add its CPU seconds to `marks["compile"]`."""
    module, _, qualified = place.partition(":")
    owner_name, _, method = qualified.partition(".")
    owner = getattr(importlib.import_module(module), owner_name)
    original: Callable[..., Any] = getattr(owner, method)

    def timed(*arguments: Any, **options: Any) -> Any:
        begin = time.process_time()
        try:
            return original(*arguments, **options)
        finally:
            marks["compile"] = marks.get("compile", 0.0) + time.process_time() - begin

    setattr(owner, method, timed)


def print_header() -> None:
    print(f"CPU seconds by part, then wall seconds to the first env step; medians. Load at the beginning {os.getloadavg()[0]:.1f}.\n")
    print(f"| agent | tree | {' | '.join(PARTS)} | CPU | wall | wall, least to most |")
    print("|---|---|" + "---:|" * (len(PARTS) + 3))


def print_row(name: str, found: dict[str, list[dict[str, float]]]) -> None:
    labels = {"before": "before", "cold": "now, nothing kept", "warm": "now, programs kept"}
    for state, marks in found.items():
        if marks:
            cells = [statistics.median(each.get(part, 0.0) for each in marks) for part in (*PARTS, "total", "wall")]
            walls = sorted(each["wall"] for each in marks)
            row = " | ".join(f"{value:.2f}" for value in cells)
            print(f"| {name} | {labels[state]} | {row} | {walls[0]:.1f} to {walls[-1]:.1f} |", flush=True)


COUNTED = """
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
TOLD = """
gc.callbacks.remove(count)
objects, began = len(gc.get_objects()), time.perf_counter()
gc.collect()
took = time.perf_counter() - began
print(f"{len(seconds)} | {full} | {sum(seconds):.2f} | {objects:,} | {took:.2f}")
"""


def print_ends(name: str, env: str, repeats: int) -> None:
    """Prints the wall seconds from a process's last statement until its end is seen; it has imported what the agent's worker imports."""
    found: dict[str, list[float]] = {"sys.exit(0)": [], "leave(0)": []}
    for _ in range(repeats):
        for end, seconds in found.items():
            last = import_alone(name, env, after=f"print(time.monotonic(), flush=True)\n{end}")
            seconds.append(time.monotonic() - float(last))
    print(f"| {name} | {' | '.join(f'{min(seconds):.2f} to {max(seconds):.2f}' for seconds in found.values())} |", flush=True)


def import_alone(name: str, env: str, *, before: str = "", after: str) -> str:
    """Imports, in a process of its own, what the agent's worker imports, and returns the last line that `after` has printed."""
    agent, hyperparameters = AGENTS[name]
    path = os.pathsep.join(map(str, (ROOT, ROOT / "agents", ROOT / "envs")))
    _, process_env = prepare(path, agent, json.dumps(hyperparameters), env)
    environment = {**os.environ, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "", **process_env}
    code = f"""
import sys, time
from arena.agent.hyperparameters import build_config
from arena.agent.registry import agent_spec
from arena.agent.isolation import refuse_other_frameworks
from arena.worker.worker import leave
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
    text = str(start(folder, name, env, ROOT, "off", "-X", "importtime")["importtime"])
    rows = [(int(total), int(own), module) for own, total, module in re.findall(r"import time:\s+(\d+) \|\s+(\d+) \|\s*(\S+)", text)]
    for total, own, module in sorted(rows, reverse=True)[:count]:
        print(f"{total / 1e3:9.1f} {own / 1e3:9.1f}  {module}")


if __name__ == "__main__":
    main()
