"""Measures all that `docs/performance.md` tells, and writes its tables and chart: `arena benchmark --page docs/performance.md`."""

import sys

import setup_env

if __name__ == "__main__":
    setup_env.enter()

    from arena.cli import main  # only importable once the environment is set up

    page = ["--page", str(setup_env.ROOT / "docs" / "performance.md"), "--peers", str(setup_env.ROOT / ".venv-peers")]
    sys.argv = ["arena", "benchmark", *page, *sys.argv[1:]]
    main()
