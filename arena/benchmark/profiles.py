"""Where an agent's training time goes, by library and by function, as Markdown tables; and the same beside an earlier profile.

    python -m arena.benchmark.profiles --output logs/profiles.json                 # every agent of the benchmark
    python -m arena.benchmark.profiles --only rllib-ppo --output after.json --before logs/profiles.json > table.md

`cProfile` with the CPU clock, on one thread: own time, of which it adds some to every Python call. Compare columns, not with other tables.
"""

import argparse
import cProfile
import os
import pstats
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from arena.benchmark.settings import Contest, contests
from arena.environments import ArenaEnvFactory, EnvConfig
from arena.executors.process import THREAD_VARIABLES
from arena.files import read_json_object, write_json
from arena.hyperparameters import build_config
from arena.metering import Meter
from arena.registry import agent_spec
from arena.spec import refuse_other_frameworks

NUM_WARM_STEPS, NUM_STEPS, NUM_FUNCTIONS = 1_024, 8_192, 10
Profile = dict[str, Any]
"""`cpu_seconds`, `env_steps`, `updates`; `libraries` and `functions`: own CPU microseconds per env step by name."""


def profile(contest: Contest) -> Profile:
    """Trains the contest's agent in this process, and returns where the time went."""
    spec = agent_spec(contest.agent)
    config = build_config(spec.config, contest.hyperparameters, where=f"agent {contest.agent!r}")
    refuse_other_frameworks(spec.modules_for(config))
    meter = Meter()
    factory = ArenaEnvFactory(EnvConfig("CartPole-v1"), meter, np.random.SeedSequence(0))
    agent = spec.load()(factory, config, seed=0, device="cpu")
    agent.learn(NUM_WARM_STEPS)
    first, profiler, start = meter.env_steps, cProfile.Profile(time.process_time), time.process_time()
    metrics = profiler.runcall(agent.learn, NUM_STEPS)
    cpu_seconds, env_steps = time.process_time() - start, meter.env_steps - first
    return {"cpu_seconds": cpu_seconds, "env_steps": env_steps, "updates": metrics.learner_steps, **_shares(profiler, env_steps)}


def _shares(profiler: cProfile.Profile, env_steps: int) -> dict[str, dict[str, float]]:
    libraries: dict[str, float] = {}
    functions: dict[str, float] = {}
    for (file, _, name), (_, _, own, _, _) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        microseconds = 1e6 * own / env_steps
        libraries[library(file, name)] = libraries.get(library(file, name), 0.0) + microseconds
        label = name.strip("<>{}") if file == "~" else f"{library(file, name)}: {Path(file).name}:{name}"
        functions[label] = functions.get(label, 0.0) + microseconds
    largest = sorted(functions, key=functions.__getitem__, reverse=True)[:NUM_FUNCTIONS]
    return {"libraries": libraries, "functions": {name: functions[name] for name in largest}}


def library(file: str, name: str) -> str:
    """Returns whose function it is: a top-level package, `kernels` for a framework's compiled code, or `Python`."""
    if file == "~":
        for word, owner in (("torch", "kernels"), ("tensorflow", "kernels"), ("jaxlib", "kernels"), ("numpy", "numpy")):
            if word in name:
                return owner
        return "Python"
    parts = Path(file).parts
    for root in ("site-packages", "agents", "envs"):
        if root in parts[:-1]:
            return parts[len(parts) - parts[::-1].index(root)].removesuffix(".py")
    return "arena" if "arena" in parts else "Python"


def markdown(profiles: dict[str, Profile], before: dict[str, Profile]) -> str:
    """Returns two tables for each agent: libraries, then functions, in CPU microseconds per env step."""
    sections = []
    for name, found in profiles.items():
        earlier = before.get(name, {})
        total, updates = 1e6 * found["cpu_seconds"] / found["env_steps"], found["updates"] / found["env_steps"]
        was = f" (before: {1e6 * earlier['cpu_seconds'] / earlier['env_steps']:.0f})" if earlier else ""
        sections.append(f"### {name}\n\n{total:.0f} µs of CPU an env step{was}, {updates:.2f} updates an env step.")
        sections += [_table(kind, found[kind], earlier.get(kind)) for kind in ("libraries", "functions")]
    return "\n\n".join(sections)


def _table(kind: str, found: dict[str, float], before: dict[str, float] | None) -> str:
    total = sum(found.values()) if kind == "libraries" else None
    lines = [f"| {kind} | µs | {'share | ' if total else ''}{'before | ' if before is not None else ''}"]
    lines.append("|---" * (lines[0].count("|") - 1) + "|")
    for name in sorted(found, key=found.__getitem__, reverse=True)[:NUM_FUNCTIONS]:
        share = f"{found[name] / total:.0%} | " if total else ""
        then = "" if before is None else f"{before[name]:.1f} | " if name in before else "- | "
        lines.append(f"| `{name.replace('|', '/')}` | {found[name]:.1f} | {share}{then}")
    return "\n".join(lines)


def main() -> None:
    """Profiles each agent in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = {contest.name: contest for contest in contests()}
    parser.add_argument("--only", choices=sorted(known), action="append", help="a contest of the benchmark; repeat for more")
    parser.add_argument("--output", type=Path, required=True, help="JSON file for the profiles")
    parser.add_argument("--before", type=Path, help="such a file of an earlier time, for one more column")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    names = arguments.only or list(known)
    if arguments.child:
        write_json(arguments.output, profile(known[names[0]]))
        return
    profiles: dict[str, Profile] = {}
    for name in names:
        spec, path = agent_spec(known[name].agent), arguments.output.with_suffix(f".{name}.json")
        config = build_config(spec.config, known[name].hyperparameters, where=name)
        environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1"), **spec.process_env_for(config)}
        command = [sys.executable, "-P", "-m", "arena.benchmark.profiles", "--child", "--only", name, "--output", str(path)]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        profiles[name] = read_json_object(path)
        path.unlink()
    write_json(arguments.output, profiles)
    before = read_json_object(arguments.before) if arguments.before else {}
    sys.stdout.write(f"{markdown(profiles, before)}\n")


if __name__ == "__main__":
    main()
