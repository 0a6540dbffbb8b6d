"""The tasks that a tournament is made of: episodes of one player, or games of two. A task is data, which any process can play."""

import dataclasses

from arena.environments.config import EnvConfig
from arena.tournament.entry.player import PlaysWith
from arena.tournament.schedule.openings import Opening
from arena.tournament.tournament import MAX_PLIES


@dataclasses.dataclass(frozen=True, kw_only=True)
class EpisodesTask:
    """Episodes that one player is to play on one environment."""

    match: str
    """Id of the record that comes of the task."""
    env: EnvConfig
    """Environment to play."""
    player: str
    """Name of the player."""
    policy: PlaysWith
    """File or program that plays; None for the random player."""
    seed: int
    """Seed of the starts."""
    num_episodes: int
    """Number of episodes to play."""
    action_seconds: float
    """Longest time for an action: the time of a call divided by the observations in it."""
    max_episode_steps: int | None = None
    """Length at which an episode is cut that its environment has not ended; None means `evaluate`'s own limit."""
    failed: str = ""
    """Status and reason of the player's training run, if that failed: nothing is played then, and the player loses its duels."""

    @property
    def matches(self) -> tuple[str, ...]:
        """Ids of the records that come of the task."""
        return (self.match,)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GamesTask:
    """Games that two players are to play: each opening twice, with either player moving first."""

    match: str
    """Prefix of the games' ids."""
    game_id: str
    """Id of the game to play."""
    players: tuple[str, str]
    """Names of the players."""
    policies: tuple[PlaysWith, PlaysWith]
    """Files or programs that play; None for the random player."""
    openings: tuple[Opening, ...]
    """Openings from which the players meet."""
    seeds: tuple[int, ...]
    """Seed of each opening."""
    move_seconds: float
    """Longest time for a move: the time of a call divided by the positions in it."""
    max_plies: int = MAX_PLIES
    """Number of moves, the opening's included, after which a game that has not ended is a tie."""
    failed: tuple[str, str] = ("", "")
    """Status and reason of each player's training run, if that failed: nothing is played then, and the player loses."""

    @property
    def matches(self) -> tuple[str, ...]:
        """Ids of the records that come of the task."""
        return tuple(f"{self.match}/{index}" for index in range(2 * len(self.openings)))


Task = EpisodesTask | GamesTask
"""One piece of work; its records are written together."""
