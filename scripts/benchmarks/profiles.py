"""Where training time goes, by library and by function: in a framework's own loop, or a peer's, and in our agent. Markdown tables.

    python -m benchmarks.profiles --output logs/profiles.json                      # every agent of the benchmark
    python -m benchmarks.profiles --only rllib-ppo --output logs/profiles.json     # one of them again; the others stay
    python -m benchmarks.profiles --output logs/profiles.json --page docs/profiles.md

`cProfile` with the CPU clock, on one thread: own time, of which it adds some to every Python call. Both sides have the same
hyperparameters and the same updates per env step; compare columns, not with other tables.
"""

import argparse
import cProfile
import os
import pstats
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from arena.agent.hyperparameters import build_config
from arena.agent.isolation import refuse_other_frameworks
from arena.agent.registry import agent_spec
from arena.environments.make import ArenaEnvFactory, EnvConfig
from arena.environments.metering import Meter
from arena.errors import ArenaError
from arena.executors.process import THREAD_VARIABLES
from arena.formats.json import read_json_object, write_bytes, write_json
from arena.machine.usage import usable_cores
from benchmarks.page import around_marks
from benchmarks.processes import measure_rival, pinned
from benchmarks.settings import Contest, contests

NUM_WARM_STEPS, NUM_STEPS, NUM_FUNCTIONS = 1_024, 8_192, 8
TITLE, BEGIN, END = "Profiles", "<!-- profiles: begin -->", "<!-- profiles: end -->"
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
    own = [(file, name, seconds) for (file, _, name), (_, _, seconds, _, _) in pstats.Stats(profiler).stats.items()]  # type: ignore[attr-defined]
    return {"cpu_seconds": cpu_seconds, "env_steps": env_steps, "updates": metrics.learner_steps, **shares(own, env_steps)}


def profile_own_loop(contest: Contest, peers: Path) -> Profile:
    """Returns where the time of the contest's first rival goes, which is the framework's own loop or a peer's."""
    rival = contest.rivals[0]
    found = measure_rival(contest, rival, 0, peers, profiled=True)
    numbers = {name: found[name] for name in ("cpu_seconds", "env_steps", "updates")}
    return {"label": rival.label, **numbers, **shares(found["own"], found["env_steps"])}


def shares(own: Iterable[tuple[str, str, float]], env_steps: int) -> dict[str, dict[str, float]]:
    """Returns own microseconds per env step by library, and of the largest functions, for (file, function, own seconds)."""
    libraries: dict[str, float] = {}
    functions: dict[str, float] = {}
    for file, name, seconds in own:
        microseconds = 1e6 * seconds / env_steps
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


def markdown(profiles: dict[str, dict[str, Profile]]) -> str:
    """Returns, for each agent, libraries side by side and the largest functions of both, in CPU microseconds per env step."""
    sections = []
    for name, both in profiles.items():
        ours, own_loop = both["arena"], both["own_loop"]
        label = own_loop["label"]
        sections.append(
            f"### {name}\n\nCPU time an env step: {_total(own_loop):,.0f} µs in {label}, {_total(ours):,.0f} µs here, at "
            f"{own_loop['updates'] / own_loop['env_steps']:.2f} and {ours['updates'] / ours['env_steps']:.2f} updates an env step."
        )
        sections.append(_libraries(label, own_loop["libraries"], ours["libraries"]))
        sections += [_functions(title, side["functions"]) for title, side in ((f"function, {label}", own_loop), ("function, here", ours))]
    return "\n\n".join(sections)


def _total(profile: Profile) -> float:
    return float(1e6 * profile["cpu_seconds"] / profile["env_steps"])


def _libraries(label: str, own_loop: dict[str, float], ours: dict[str, float]) -> str:
    lines = [f"| library | µs in {label} | share | µs here | share |", "|---|---:|---:|---:|---:|"]
    sides = own_loop, ours
    largest = sorted(own_loop.keys() | ours.keys(), key=lambda name: max(side.get(name, 0.0) for side in sides), reverse=True)
    for name in largest[: NUM_FUNCTIONS + 2]:
        cells = [f"{side[name]:,.1f} | {side[name] / sum(side.values()):.0%}" if name in side else "- | -" for side in sides]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _functions(title: str, functions: dict[str, float]) -> str:
    lines = [f"| {title} | µs |", "|---|---:|"]
    lines += [f"| `{name.replace('|', '/')}` | {microseconds:,.1f} |" for name, microseconds in functions.items()]
    return "\n".join(lines)


def main() -> None:
    """Profiles each agent, and the loop it is held against, in processes of their own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = {contest.name: contest for contest in contests()}
    parser.add_argument("--only", choices=sorted(known), action="append", help="a contest of the benchmark; repeat for more")
    parser.add_argument("--output", type=Path, required=True, help="JSON file for the profiles; what it holds of others stays")
    parser.add_argument("--page", type=Path, help="write the tables between the marks of this page")
    parser.add_argument("--peers", type=Path, default=Path(".venv-peers"), help="environment of Stable-Baselines3; made if need be")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        write_json(arguments.output, profile(known[arguments.only[0]]))
        return
    try:
        profile_all(arguments.only or list(known), known, arguments.output, arguments.page, arguments.peers)
    except ArenaError as error:
        raise SystemExit(f"error: {error}") from error


def profile_all(names: Sequence[str], known: dict[str, Contest], output: Path, page: Path | None, peers: Path) -> None:
    """Profiles the named contests, adds them to the file `output`, and writes what it then holds to the page, or prints it."""
    before, after = around_marks(page, TITLE, BEGIN, END) if page else ("", "")
    there = read_json_object(output) if output.exists() else {}
    profiles: dict[str, dict[str, Profile]] = {name: both for name, both in there.items() if {"arena", "own_loop"} <= both.keys()}
    output.parent.mkdir(parents=True, exist_ok=True)
    for name in names:
        with pinned(usable_cores()[:1]):
            profiles[name] = {"own_loop": profile_own_loop(known[name], peers), "arena": _in_a_process(known[name], output)}
        write_json(output, profiles)
    text = markdown({name: profiles[name] for name in known if name in profiles})
    if page:
        write_bytes(page, f"{before}\n\n{text}\n\n{after}".encode())
    else:
        sys.stdout.write(f"{text}\n")


def _in_a_process(contest: Contest, output: Path) -> Profile:
    spec, path = agent_spec(contest.agent), output.with_suffix(f".{contest.name}.json")
    config = build_config(spec.config, contest.hyperparameters, where=contest.name)
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1"), **spec.process_env_for(config)}
    command = [sys.executable, "-P", "-m", "benchmarks.profiles", "--child", "--only", contest.name, "--output", str(path)]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    found = read_json_object(path)
    path.unlink()
    return found


if __name__ == "__main__":
    main()
