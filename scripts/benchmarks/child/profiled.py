"""Profiles a baseline's loop from `LoopProbe.begin` to `LoopProbe.finish`: prints the own CPU seconds of every function.

`python -m benchmarks.child.profiled MODULE REQUEST` runs MODULE with this request.
"""

import cProfile
import json
import pstats
import runpy
import sys
import time
from typing import Any

from benchmarks.child.probe import LoopProbe


def main() -> None:
    """Runs the loop; the last line printed is a JSON object."""
    profiler, begin = cProfile.Profile(time.process_time), LoopProbe.begin
    started = 0.0

    def start(probe: LoopProbe) -> None:
        nonlocal started
        begin(probe)
        started = time.process_time()
        profiler.enable()

    def finish(_: LoopProbe, *, env_steps: int, updates: int, **further: Any) -> None:
        profiler.disable()
        cpu_seconds = time.process_time() - started
        stats: dict[Any, Any] = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
        own = [(file, name, seconds) for (file, _, name), (_, _, seconds, _, _) in stats.items()]
        line = {**further, "cpu_seconds": cpu_seconds, "env_steps": env_steps, "updates": updates, "own": own}
        print(f"\n{json.dumps(line)}", flush=True)

    LoopProbe.begin, LoopProbe.finish = start, finish  # type: ignore[assignment, method-assign]
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
