"""Profiles the training of each agent and of the baseline beside it, by library and by function; writes docs/profiles.md.

    benchmark.py profiles --output logs/profiles.json --page docs/profiles.md
    benchmark.py profiles --only rllib-ppo --output logs/profiles.json     one case again; the file keeps the others

It uses `cProfile` with the CPU clock, on one thread, and shows own time, to which the profiler adds some for every Python call. Both sides
have the same hyperparameters and the same updates per env step. Compare the columns of a table, and not one table with another.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.errors import ArenaError, did_you_mean
from arena.formats.json import read_json_object, write_json
from arena.machine.cores import usable_cores
from benchmarks.cases import BenchmarkCase, benchmark_cases
from benchmarks.marked_page import MarkedPage
from benchmarks.options import names, option_parser
from benchmarks.peers import PEERS
from benchmarks.processes import ROOT, child_environment, last_json_line, module_command, pinned
from benchmarks.variants import THREADS, TIMEOUT_SECONDS, measure_baseline

NUM_FUNCTIONS = 8
"""Number of functions in each table."""
Profile = dict[str, Any]
"""`cpu_seconds`, `env_steps` and `updates`; `libraries` and `functions`: own CPU microseconds per env step, by name."""


def main(options: Sequence[str]) -> None:
    """Profiles the cases asked for, and writes or prints the tables of all in the file."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("--only", type=names, default=[], metavar="CASE,...", help="cases to profile; the others stay as they are")
    parser.add_argument("--output", type=Path, default=ROOT / "logs" / "profiles.json", help="file of the profiles")
    parser.add_argument("--page", type=Path, help="write the tables between the marks of this page; printed by default")
    parser.add_argument("--peers", type=Path, default=PEERS, metavar="DIR", help="environment of SB3 and SBX, set up if it is missing")
    parser.add_argument("--no-measure", dest="measure", action="store_false", help="only write the tables of the file again")
    arguments = parser.parse_args(options)
    known = {case.name: case for case in benchmark_cases()}
    for name in arguments.only:
        if name not in known:
            raise ArenaError(f"no case {name!r}{did_you_mean(name, known)} (there are: {', '.join(known)})")
    page = MarkedPage(arguments.page, "profiles", "Profiles") if arguments.page else None
    profiles = read_json_object(arguments.output) if arguments.output.exists() else {}
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    for name in (arguments.only or known) if arguments.measure else ():
        with pinned(usable_cores()[:1]):
            profiles[name] = {"baseline": profile_baseline(known[name], arguments.peers), "arena": profile_agent(known[name])}
        write_json(arguments.output, profiles)
    if not profiles:
        raise ArenaError(f"{arguments.output} holds no profiles yet; run the benchmark without --no-measure")
    text = markdown({name: profiles[name] for name in known if name in profiles})
    if page is not None:
        page.write(text)
    else:
        sys.stdout.write(f"{text}\n")


def profile_agent(case: BenchmarkCase) -> Profile:
    """Returns where the CPU time of the case's agent goes, from a process of its own."""
    environment = child_environment(THREADS, case.agent, case.hyperparameters)
    return _profile(last_json_line(module_command("benchmarks.child.profile_agent", case.name), environment, TIMEOUT_SECONDS, case.name))


def profile_baseline(case: BenchmarkCase, peers: Path) -> Profile:
    """Returns where the CPU time of the case's first baseline goes: the framework's own loop, or that of SB3."""
    baseline = case.baselines[0]
    return {"label": baseline.label, **_profile(measure_baseline(case, baseline, 0, peers, profiled=True))}


def _profile(found: Mapping[str, Any]) -> Profile:
    return {**{name: found[name] for name in ("cpu_seconds", "env_steps", "updates")}, **shares(found["own"], found["env_steps"])}


def shares(own: Iterable[tuple[str, str, float]], env_steps: int) -> dict[str, dict[str, float]]:
    """Returns own microseconds per env step by library and of the largest functions, from tuples (file, function, own seconds)."""
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
    """Returns the owner of a function: a top-level package, `kernels` for a framework's compiled code, or `Python`."""
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
        ours, baseline = both["arena"], both["baseline"]
        label = baseline["label"]
        sections.append(
            f"### {name}\n\nCPU time an env step: {_total(baseline):,.0f} µs in {label}, {_total(ours):,.0f} µs here, at "
            f"{baseline['updates'] / baseline['env_steps']:.2f} and {ours['updates'] / ours['env_steps']:.2f} updates an env step."
        )
        sections.append(_libraries(label, baseline["libraries"], ours["libraries"]))
        sections += [_functions(title, side["functions"]) for title, side in ((f"function, {label}", baseline), ("function, here", ours))]
    return "\n\n".join(sections)


def _total(profile: Profile) -> float:
    return float(1e6 * profile["cpu_seconds"] / profile["env_steps"])


def _libraries(label: str, baseline: dict[str, float], ours: dict[str, float]) -> str:
    lines = [f"| library | µs in {label} | share | µs here | share |", "|---|---:|---:|---:|---:|"]
    sides = baseline, ours
    largest = sorted(baseline.keys() | ours.keys(), key=lambda name: max(side.get(name, 0.0) for side in sides), reverse=True)
    for name in largest[: NUM_FUNCTIONS + 2]:
        cells = [f"{side[name]:,.1f} | {side[name] / sum(side.values()):.0%}" if name in side else "- | -" for side in sides]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _functions(title: str, functions: dict[str, float]) -> str:
    lines = [f"| {title} | µs |", "|---|---:|"]
    lines += [f"| `{name.replace('|', '/')}` | {microseconds:,.1f} |" for name, microseconds in functions.items()]
    return "\n".join(lines)
