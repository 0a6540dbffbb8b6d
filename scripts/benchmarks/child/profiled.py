"""Runs a loop of the benchmark under `cProfile`, from its `Probe.begin` to its `Probe.finish`, and prints the own seconds of all functions.

python -m benchmarks.child.profiled MODULE REQUEST       # a framework's own loop
python scripts/benchmarks/child/profiled.py SCRIPT.py REQUEST    # a peer's, in the peers' environment
"""

import cProfile
import json
import pstats
import runpy
import sys
import time
from typing import Any

try:
    from benchmarks.child.probe import Probe
except ImportError:  # in the peers' environment, which has no arena
    from probe import Probe  # type: ignore[import-not-found, no-redef]


def main() -> None:
    """Runs the loop; the last line printed is a JSON object."""
    profiler, begin = cProfile.Profile(time.process_time), Probe.begin
    started = 0.0

    def start(probe: Probe) -> None:
        nonlocal started
        begin(probe)
        started = time.process_time()
        profiler.enable()

    def finish(_: Probe, *, env_steps: int, updates: int, **further: Any) -> None:
        profiler.disable()
        cpu_seconds = time.process_time() - started
        stats: dict[Any, Any] = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
        own = [(file, name, seconds) for (file, _, name), (_, _, seconds, _, _) in stats.items()]
        line = {**further, "cpu_seconds": cpu_seconds, "env_steps": env_steps, "updates": updates, "own": own}
        print(f"\n{json.dumps(line)}", flush=True)

    Probe.begin, Probe.finish = start, finish  # type: ignore[assignment, method-assign]
    target = sys.argv.pop(1)
    if target.endswith(".py"):
        runpy.run_path(target, run_name="__main__")
    else:
        runpy.run_module(target, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
