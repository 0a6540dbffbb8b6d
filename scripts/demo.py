"""The first command of the README: sets up, trains an agent of each framework side by side, and lets them meet in a tournament."""

import sys

import setup_env

if __name__ == "__main__":  # the tournament's processes import this file as well
    setup_env.enter()

    from arena.cli.app import main  # only importable once the environment is set up

    sys.argv = ["arena", "tournament", str(setup_env.ROOT / "configs" / "demo.toml"), *sys.argv[1:]]
    main()
