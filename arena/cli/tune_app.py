"""The command `arena tune`. Imports stand in the command, as in `arena.cli.app`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from arena.cli.options import (
    Address,
    Device,
    ExecutorOption,
    Json,
    OtherFolder,
    Quiet,
    Storage,
    Workers,
    agents_beginning,
    envs_beginning,
    output_mode,
)
from arena.errors import ArenaError

tune_app = typer.Typer(rich_markup_mode=None)


@tune_app.command()
def tune(
    what: Annotated[str, typer.Argument(metavar="FILE|AGENT", help="Experiment in TOML with a table [tune]; or an agent id, with ENV.")],
    env: Annotated[
        str | None, typer.Argument(metavar="[ENV]", help="Gymnasium id, for an agent id.", autocompletion=envs_beginning)
    ] = None,
    trials: Annotated[int | None, typer.Option("--trials", min=1, help="Settings to try for each agent, instead of the file's.")] = None,
    steps: Annotated[int, typer.Option("--steps", min=1, help="With AGENT ENV: env steps of a run.")] = 100_000,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="With AGENT ENV: training seeds of a trial.")] = 2,
    output: OtherFolder = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the experiment, instead of the one in the file.")] = None,
    workers: Workers = None,
    device: Device = None,
    executor: ExecutorOption = None,
    address: Address = None,
    storage: Storage = None,
    quiet: Quiet = False,
    json_lines: Json = False,
) -> None:
    """Search hyperparameters, or resume a search.

    Optuna proposes the settings; the best ones are written to best.toml. For an agent and an environment without a file, the values that
    are searched are those of its algorithm in docs/tuning.md.
    """
    if env is None and what in agents_beginning(what) and not Path(what).exists():
        raise ArenaError(f"{what} is an agent; say on which environment: arena tune {what} CartPole-v1")
    try:
        from arena.cli import tune as command
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        from arena.machine.installation import install_command

        raise ArenaError(f"arena tune needs Optuna: {install_command('tune')}") from error
    chosen = {"kind": executor and executor.value, "address": address, "storage": storage}
    options = {"name": name, "output": output, "workers": workers, "device": device, "executor": chosen}
    search = command.of_file(Path(what)) if env is None else command.of_pair(what, env, env_steps=steps, num_seeds=seeds)
    sys.exit(command.tune(search, options, trials, mode=output_mode(quiet, json_lines)))
