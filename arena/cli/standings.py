"""The standings of a tournament or league on the command line: computed, kept, and printed."""

import dataclasses
from collections.abc import Collection
from pathlib import Path

from arena.formats.json import write_json
from arena.terminal.output import Output
from arena.tournament.leaderboard.leaderboard_page import write_leaderboard
from arena.tournament.leaderboard.leaderboard_table import leaderboard_lines, leaderboard_table
from arena.tournament.standings.compute_standings import compute_standings
from arena.tournament.tournament_folder import TournamentFolder


def show_standings(path: Path, output: Output, allow: Collection[str] = ()) -> None:
    """Computes the standings of a tournament's folder from its matches, keeps them there with their page, and prints them.

    Args:
        path: Folder of the tournament or league.
        output: Output of the command: a table for people, or one JSON object for each entrant.
        allow: Import paths and files that its environments may name, and folders of runs; reading loads nothing else that it names.
    """
    standings = compute_standings(path, allow)
    write_json(TournamentFolder(path).standings, standings.to_dict())
    for row in standings.rows:
        output.record(dataclasses.asdict(row))
    if output.for_people:
        output.show(leaderboard_table(standings, output.console.width))
        for line in leaderboard_lines(standings):
            output.say(line)
    output.say(f"Leaderboard: {write_leaderboard(standings, path, allow=allow)}")
