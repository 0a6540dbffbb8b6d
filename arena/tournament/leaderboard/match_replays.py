"""The replays inside a leaderboard's page, as the player in the page (`templates/player.js`) reads them.

A game is shown as its moves, a duel as the frames of one episode of each player.
"""

import dataclasses
from typing import Any, ClassVar

Ply = tuple[int, tuple[tuple[int, int], ...]]
"""One move: the seat that moved, 0 or 1, and each cell (counted row by row) that changed with its new content (0 empty, else seat + 1)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pane:
    """One player's episode as a sprite sheet."""

    player: str
    """Name of the player."""
    sheet: str
    """Data URI of an image with all frames, row by row, `columns` in each row."""
    columns: int
    """Number of frames in a row."""
    width: int
    """Width of one frame in pixels."""
    height: int
    """Height of one frame in pixels."""
    times: tuple[int, ...]
    """Env step of each frame: the first is 0, the last is the end of the episode."""
    returns: tuple[float, ...]
    """Sum of rewards at each frame."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MatchReplay:
    """Two players on one environment: the part that both kinds of replay share."""

    env: str
    """Name of the environment."""
    players: tuple[str, str]
    """Names of the two players or entrants."""
    outcome: str
    """Sentence that says who won."""
    why: str
    """Rule by which the match was chosen."""
    kind: ClassVar[str]
    """Kind of replay: `game` or `duel`."""

    @property
    def title(self) -> str:
        """Heading that names the players and the environment."""
        return f"{self.players[0]} \N{EN DASH} {self.players[1]}, {self.env}"

    def document(self) -> dict[str, Any]:
        """Returns the replay as JSON values, for the player in the page."""
        return {"kind": self.kind, "title": self.title, **dataclasses.asdict(self)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReplayedGame:
    """One game, move by move."""

    match: str
    """Id of the game in `matches.jsonl`."""
    players: tuple[str, str]
    """Names of the players, the first mover first."""
    moves: tuple[int, ...]
    """Moves as actions."""
    plies: tuple[Ply, ...]
    """Effect of each move on the board."""
    opening: int
    """Number of moves at the beginning that were drawn at random."""
    outcome: str
    """Sentence that says who won."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GameReplay(MatchReplay):
    """Games of two entrants."""

    shape: tuple[int, int] | None
    """Rows and columns of the board; None where the game shows no board: its moves are listed instead."""
    matches: tuple[ReplayedGame, ...]
    """Games, the chosen one first."""
    kind: ClassVar[str] = "game"


@dataclasses.dataclass(frozen=True, kw_only=True)
class DuelReplay(MatchReplay):
    """One episode of each of two players, from the same start."""

    panes: tuple[Pane, Pane]
    """The episode of either player."""
    kind: ClassVar[str] = "duel"
