"""`arena leaderboard`: the page of a tournament, written again with further matches to watch."""

from collections.abc import Collection, Sequence
from pathlib import Path

from arena.terminal.output import Output
from arena.tournament.leaderboard.leaderboard_page import write_leaderboard
from arena.tournament.standings.compute_standings import compute_standings


def leaderboard(folder: Path, matches: Sequence[str], frame_megabytes: float, allow: Collection[str] = ()) -> None:
    """Writes the page of the tournament in `folder`, and prints its path.

    Args:
        folder: folder of the tournament.
        matches: matches to show besides those that the page chooses itself.
        frame_megabytes: largest size of all pictures in the page.
        allow: import paths and files that the tournament's environments may name, and folders of runs.
    """
    standings = compute_standings(folder, allow)
    page = write_leaderboard(standings, folder, matches=matches, max_frame_bytes=round(1e6 * frame_megabytes), allow=allow)
    Output().say(f"Page: {page}")
