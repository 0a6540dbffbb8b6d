"""The commands that take policies out of the arena. Imports stand in the commands, as in `arena.cli.app`."""

from pathlib import Path
from typing import Annotated

import typer

from arena.cli.options import Json, Policies, Quiet, output_mode

policy_app = typer.Typer(rich_markup_mode=None)


@policy_app.command()
def show(policies: Policies, json_lines: Json = False) -> None:
    """Show what policy files are.

    What each takes and gives is printed, and the agent, environment, training and score that it names. Nothing of it is run here.
    """
    from arena.cli import show as command

    command.show(policies, mode=output_mode(quiet=False, json_lines=json_lines))


@policy_app.command()
def export(
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="Policy file, or folder of a run.")],
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help="litert, litert-int8, savedmodel, pt2, c or js.")],
    env: Annotated[
        str | None, typer.Option("--env", metavar="ID", help="Compare on observations that the policy meets here; litert-int8 needs it.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="File to write; it must not exist.")] = None,
    episodes: Annotated[int, typer.Option("--episodes", min=1, help="Episodes that the policy plays in --env.")] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of these episodes.")] = 0,
    quiet: Quiet = False,
    json_lines: Json = False,
) -> None:
    """Write a policy for another runtime, and compare the two.

    Actions, scores, latency and size are compared before the file is put in its place.
    """
    from arena.cli import export as command

    command.export(policy, to, output, env, episodes, seed, mode=output_mode(quiet, json_lines))
