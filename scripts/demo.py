"""The first command of the README: sets up, trains an agent of each framework side by side, and says where the results are."""

import sys

import setup_env

setup_env.enter()

from arena.cli import main  # noqa: E402 -- only importable once the environment is set up

sys.argv = ["arena", "run", str(setup_env.ROOT / "configs" / "demo.toml"), *sys.argv[1:]]
main()
