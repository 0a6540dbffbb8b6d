"""`arena leaderboard`: the page of a tournament, once more, with further matches to watch."""

from collections.abc import Sequence
from pathlib import Path

from arena.tournament.page import write_leaderboard
from arena.tournament.standings_from_matches import compute_standings


def leaderboard(folder: Path, matches: Sequence[str], frame_megabytes: float) -> None:
    """Writes the page of the tournament in `folder`, and prints its path."""
    max_frame_bytes = round(1e6 * frame_megabytes)
    print(f"Page: {write_leaderboard(compute_standings(folder), folder, matches=matches, max_frame_bytes=max_frame_bytes)}")
