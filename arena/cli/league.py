"""`arena league`: players join, play and are ranked, over months."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.cli.standings import show_standings
from arena.environments.config import EnvConfig
from arena.environments.user_modules import full_id
from arena.formats.validation import checked
from arena.sharing.unpack import unpacked
from arena.terminal.output import Mode, Output
from arena.tournament.league import League, Season
from arena.tournament.tournament import Rules


def add(
    path: Path, arguments: Sequence[str], env_ids: Sequence[str], rules: Mapping[str, Any], *, allow: Collection[str] = (), mode: Mode
) -> None:
    """Takes players into the league in the folder `path`, which is made if it is missing, and prints who is new.

    Args:
        path: folder of the league.
        arguments: players.
        env_ids: ids of what a new league plays.
        rules: rules that were given on the command line; a league keeps those that it began with.
        allow: import paths and files for which the user gives their word.
        mode: what is printed.
    """
    output, league = Output(mode), League(path, allow)
    there = dataclasses.asdict(league.rules) if league.exists else {}
    of_rules = checked(Rules, {**there, **rules, "schedule": "adaptive"}, "league")
    with unpacked(arguments) as players:
        new = league.add(players, [EnvConfig(full_id(env_id)) for env_id in dict.fromkeys(env_ids)], of_rules)
    for player in new:
        program = player.program.name if player.program else None
        output.record({"player": player.name, "entrant": player.entrant, "envs": sorted(player.policies), "program": program})
        output.say(f"{player.name} joined")
    output.say(f"{len(new)} new in {path}; let them play: arena league play --league {path}" if new else f"nobody new in {path}")


def play(path: Path, max_games: int, workers: int, *, allow: Collection[str] = (), mode: Mode) -> None:
    """Plays the matches that narrow the ranking most, and prints the standings.

    Args:
        path: folder of the league.
        max_games: largest number of games to add.
        workers: number of processes; 0 means one per core.
        allow: import paths and files that the league may name.
        mode: what is printed.
    """
    output = Output(mode)
    with output.progress("playing") as progress:
        season = League(path, allow).play(max_games=max_games, workers=workers, progress=progress)
    show_standings(path, output, allow)
    print_season(season, output)


def remove(path: Path, names: Sequence[str], *, mode: Mode) -> None:
    """Removes players from the league, and prints who is gone; their matches stay.

    Args:
        path: Folder of the league.
        names: Names of players or entrants.
        mode: What is printed.
    """
    output = Output(mode)
    gone = League(path).remove(names)
    for name in gone:
        output.record({"player": name, "removed": True})
        output.say(f"{name} plays no further matches; those that it played count")
    if not gone:
        output.say(f"nobody removed from {path}: they were before")


def standings(path: Path, *, allow: Collection[str] = (), mode: Mode) -> None:
    """Computes the standings from all matches of the league, keeps and prints them."""
    League(path).check_exists()
    show_standings(path, Output(mode), allow)


def print_season(season: Season, output: Output) -> None:
    """Prints how many matches were added, what is still open, and what would decide it."""
    outcome = f"Still open: {_pairs(season.undecided)}." if season.undecided else "Every place is decided."
    for player, why in season.absent.items():
        output.say(f"{player} plays no further matches: {why}")
    output.say(f"{season.num_new_records} new games and evaluations. {outcome}")
    if season.needs_seeds:
        output.say(f"Only more training seeds would decide: {_pairs(season.needs_seeds)}.")
    if season.used_up:
        output.say(_remedy(season))


def _remedy(season: Season) -> str:
    """Returns what would decide pairs of whom further matches of this league would be the same again."""
    pairs = _pairs(season.used_up)
    if not season.has_games:
        return f"More duels would be the same again: {pairs}. Only more training seeds, or a league with more --episodes, would decide."
    more = "--opening-plies or --episodes" if season.has_duels else "--opening-plies"
    return f"Out of openings: {pairs}. Only more training seeds, or a league with more {more}, would decide."


def _pairs(pairs: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{one} and {other}" for one, other in pairs)
