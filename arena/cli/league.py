"""`arena league`: players join, play and are ranked, over months."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from arena.cli.live import Mode
from arena.cli.tournament import show_standings
from arena.environments.make import EnvConfig
from arena.formats.json import json_line
from arena.formats.validation import checked
from arena.tournament.folder import Rules
from arena.tournament.league import League, Season


def add(path: Path, arguments: Sequence[str], env_ids: Sequence[str], rules: Mapping[str, Any], *, mode: Mode) -> None:
    """Takes players into the league in the folder `path`, which is made if need be, and says who is new."""
    league = League(path)
    there = dataclasses.asdict(league.rules) if league.exists else {}
    of_rules = checked(Rules, {**there, **rules, "schedule": "adaptive"}, "league")
    new = league.add(arguments, [EnvConfig(env_id) for env_id in dict.fromkeys(env_ids)], of_rules)
    for player in new:
        if mode == "json":
            print(json_line({"player": player.name, "entrant": player.entrant, "envs": sorted(player.policies)}), end="")
        elif mode == "auto":
            print(f"{player.name} joined")
    if mode == "auto":
        print(f"{len(new)} new in {path}; let them play: arena league play --league {path}" if new else f"nobody new in {path}")


def play(path: Path, max_games: int, workers: int, *, mode: Mode) -> None:
    """Plays where the ranking is open, and prints the standings."""
    console = Console()
    with Progress(console=console, transient=True, disable=mode != "auto") as progress:
        bar = progress.add_task("playing", total=None)
        season = League(path).play(
            max_games=max_games, workers=workers, progress=lambda done, known: progress.update(bar, completed=done, total=known)
        )
    standings(path, mode=mode)
    if mode == "auto":
        _print_season(season)


def standings(path: Path, *, mode: Mode) -> None:
    """Computes the standings from all matches of the league, keeps and prints them."""
    League(path).check_exists()
    show_standings(path, Console(), mode)


def _print_season(season: Season) -> None:
    print(f"{season.num_new_records} new games and evaluations.", end=" ")
    print(f"Still open: {_join(season.undecided)}." if season.undecided else "Every place is decided.")
    if season.needs_seeds:
        print(f"Only more training seeds would decide: {_join(season.needs_seeds)}.")
    if season.used_up:
        print(f"Out of openings: {_join(season.used_up)}. Only a league with more --opening-plies would decide.")


def _join(pairs: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{one} and {other}" for one, other in pairs)
