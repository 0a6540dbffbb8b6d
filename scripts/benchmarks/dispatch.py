"""Runs a benchmark by its name."""

import importlib
import sys
from collections.abc import Sequence

from arena.errors import ArenaError, did_you_mean
from benchmarks.catalogue import BENCHMARKS


def run(name: str, options: Sequence[str]) -> int:
    """Runs the benchmark `name` and returns its exit code: 2 after bad input, 1 where a measurement failed."""
    known = {benchmark.name: benchmark for benchmark in BENCHMARKS}
    if name not in known:
        print(f"error: no benchmark {name!r}{did_you_mean(name, known)} (python3 scripts/benchmark.py lists them)", file=sys.stderr)
        return 2
    try:
        return int(importlib.import_module(known[name].module).main(options) or 0)
    except ArenaError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
