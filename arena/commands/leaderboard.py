"""`arena leaderboard`: the page of a tournament, once more, with further matches to watch."""

from collections.abc import Sequence
from pathlib import Path

from arena.pages.leaderboard import write_leaderboard
from arena.tournament.summary import compute_standings


def leaderboard(folder: Path, matches: Sequence[str]) -> None:
    """Writes the page of the tournament in `folder`, and prints its path."""
    print(f"Page: {write_leaderboard(compute_standings(folder), folder, matches=matches)}")
