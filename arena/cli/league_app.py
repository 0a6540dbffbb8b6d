"""The commands of `arena league`. Imports stand in the commands, as in `arena.cli.app`."""

from pathlib import Path
from typing import Annotated

import typer

from arena.cli.options import Allow, Json, MaxEpisodeSteps, MaxPlies, Quiet, Workers, output_mode

league_app = typer.Typer(help="Keep a league that policies join over time.", rich_markup_mode=None)
League = Annotated[Path, typer.Option("--league", metavar="DIR", help="Folder of the league.")]


@league_app.command(name="add")
def league_add(
    players: Annotated[
        list[str],
        typer.Argument(
            metavar="PLAYER...", help="Policy files, run or experiment folders; NAME=PATH names one, NAME=module:callable a program."
        ),
    ],
    league: League = Path("league"),
    env: Annotated[list[str] | None, typer.Option("--env", metavar="ID", help="Id that a new league plays; repeat for more.")] = None,
    episodes: Annotated[int | None, typer.Option("--episodes", help="Duels of each pair in a new league.")] = None,
    opening_plies: Annotated[int | None, typer.Option("--opening-plies", help="Random moves of each game in a new league.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of initial states and openings of a new league.")] = None,
    max_episode_steps: MaxEpisodeSteps = None,
    max_plies: MaxPlies = None,
    allow: Allow = None,
    quiet: Quiet = False,
    json_lines: Json = False,
) -> None:
    """Try policies in a process of their own, and take them into the league."""
    from arena.cli import league as command

    rules = {"episodes": episodes, "opening_plies": opening_plies, "seed": seed, "max_episode_steps": max_episode_steps}
    rules |= {"max_plies": max_plies}
    given = {key: value for key, value in rules.items() if value is not None}
    command.add(league, players, env or [], given, allow=allow or (), mode=output_mode(quiet, json_lines))


@league_app.command(name="remove")
def league_remove(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Players, or entrants with all of their players.")],
    league: League = Path("league"),
    quiet: Quiet = False,
    json_lines: Json = False,
) -> None:
    """Remove players from the league.

    They play no further matches. Their matches stay, and count for the others. Adding a player again takes it back.
    """
    from arena.cli import league as command

    command.remove(league, names, mode=output_mode(quiet, json_lines))


@league_app.command(name="play")
def league_play(
    league: League = Path("league"),
    games: Annotated[int, typer.Option("--games", min=0, help="Largest number of games to add; duels are few and always played.")] = 2_000,
    workers: Workers = None,
    allow: Allow = None,
    quiet: Quiet = False,
    json_lines: Json = False,
) -> None:
    """Play the matches that narrow the ranking most, and print the standings."""
    from arena.cli import league as command

    command.play(league, games, workers or 0, allow=allow or (), mode=output_mode(quiet, json_lines))


@league_app.command(name="standings")
def league_standings(league: League = Path("league"), allow: Allow = None, quiet: Quiet = False, json_lines: Json = False) -> None:
    """Compute the standings from all matches, and print them."""
    from arena.cli import league as command

    command.standings(league, allow=allow or (), mode=output_mode(quiet, json_lines))
