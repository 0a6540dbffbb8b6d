"""The playing of one task, in any process: the one place in which matches are played."""

from collections.abc import Sequence

from arena.tournament.match_records import Record
from arena.tournament.play.play_episodes import play_episodes
from arena.tournament.play.play_games import play_games
from arena.tournament.schedule.tasks import GamesTask, Task


def play_task(task: Task, *, trusted: bool = False) -> Sequence[Record]:
    """Plays one task and returns its records in the order of their ids.

    Args:
        task: The task.
        trusted: Whether all policy files are the caller's own, and play in this process without bounds.

    Raises:
        ArenaError: If the environment or game itself fails; a policy that fails loses instead.
    """
    return play_games(task, trusted=trusted) if isinstance(task, GamesTask) else play_episodes(task, trusted=trusted)
