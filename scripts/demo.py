"""The first command of the README: sets up, trains an agent of each framework side by side, and lets them meet in a tournament.

`--frameworks keras,tfagents` sets up and trains these alone; all other options go to `arena tournament`.
"""

import argparse
import sys
import tomllib
from pathlib import Path

import setup_env

DEMO = setup_env.ROOT / "configs" / "demo.toml"


def demo_of(frameworks: list[str], folder: Path) -> Path:
    """Writes the experiment of the demo with the agents of some frameworks alone, and returns its file."""
    packages = {name.partition("-")[0] for name in frameworks}  # rllib-cpu is a smaller set of packages for the same agents
    agents = [agent for agent in tomllib.loads(DEMO.read_text())["agents"] if agent.partition("-")[0] in packages]
    file = folder / f"demo-{'-'.join(frameworks)}.toml"
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(f'extends = "{DEMO}"\nagents = {agents}\n')
    return file


def main() -> None:
    """Sets up, and calls `arena tournament`."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--frameworks", type=lambda text: text.split(","))
    chosen, others = parser.parse_known_args()
    setup_env.enter(setup_env.FULL if chosen.frameworks is None else setup_env.with_frameworks(chosen.frameworks))

    from arena.cli import app  # only importable once the environment is set up

    file = DEMO if chosen.frameworks is None else demo_of(chosen.frameworks, setup_env.ROOT / "logs")
    sys.argv = ["arena", "tournament", str(file), *others]
    app.main()


if __name__ == "__main__":  # the tournament's processes import this file as well
    main()
