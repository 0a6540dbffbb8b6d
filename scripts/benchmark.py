"""Lists the benchmarks of this repository, or runs one of them: `python3 scripts/benchmark.py [NAME [OPTION ...]]`."""

import sys

import setup_env
from benchmarks.catalogue import listing

if __name__ == "__main__":  # processes that a benchmark starts import this file as well
    name, *options = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print(listing())
        sys.exit()
    setup_env.enter()

    from benchmarks.dispatch import run  # only importable once the environment is set up

    sys.exit(run(name, options))
