"""The records of `matches.jsonl`: what was played.

There are two kinds of lines. A *game* is one match, played once::

    {"kind": "game", "match": "connect_four_v3/a~b/0/0", "env": …, "players": [a, b], "seed": …, "points": 1, "returns": [1.0, -1.0],
     "moves": [3, 3, …], "reason": ""}

*Episodes* are what one player did on one environment from shared starts. Every two players with episodes from the same starts have thereby
met in as many *duels*. Duels are derived on reading (`arena.tournament.points`), so n policies cost n evaluations and not n * (n - 1) / 2::

    {"kind": "episodes", "match": "CartPole-v1/a", "env": …, "player": a, "seed": …, "returns": […], "lengths": […], "reason": ""}
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Annotated, Any

from annotated_types import Ge, Le

from arena.errors import ArenaError
from arena.formats.validation import Whole, checked

NO_END = "no end"
"""Beginning of the reason of a game that was cut after so many moves, and is a tie."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlayedGame:
    """One game between two players, the first mover first."""

    match: str
    """Id of the game, unique in its tournament."""
    env: str
    """Name of the game that was played."""
    players: tuple[str, str]
    """Names of the players, the first mover first."""
    seed: int
    """Seed of the opening."""
    points: Annotated[float, Ge(0), Le(1)]
    """Points of the first mover: 1, 0.5 or 0."""
    returns: tuple[float, float]
    """Sum of rewards of either player, the first mover first."""
    moves: tuple[int, ...]
    """All moves, the opening's included: enough to replay the game."""
    num_opening_moves: Whole
    """Number of moves at the beginning that were drawn at random."""
    reason: str = ""
    """Reason for which the loser lost without being beaten: an illegal move, a time-out, an error of its policy, a failed training run; or
    for which there is none: `no end: 200 moves`. Empty for a game that was played to its end."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Episodes:
    """E episodes that one player played on one environment, from starts that other players shared."""

    match: str
    """Id of the episodes, unique in their tournament."""
    env: str
    """Name of the environment."""
    player: str
    """Name of the player."""
    seed: int
    """Seed of the starts; episodes of two players with the same seed and E have the same starts, one by one."""
    returns: tuple[float, ...]
    """Return of each episode, `[E]`."""
    lengths: tuple[int, ...]
    """Env steps of each episode, `[E]`."""
    reason: str = ""
    """Error of the policy, or failure of the training run, that left the player without episodes; it loses its duels. Empty otherwise."""


Record = PlayedGame | Episodes
"""One line of `matches.jsonl`."""


def is_cut(game: PlayedGame) -> bool:
    """Returns whether a game had not ended after as many moves as it may have, and is a tie for that reason."""
    return game.reason.startswith(NO_END)


def to_line(record: Record) -> dict[str, Any]:
    """Returns the record as it stands in `matches.jsonl`."""
    return {"kind": "game" if isinstance(record, PlayedGame) else "episodes", **dataclasses.asdict(record)}


def from_line(line: Any, where: str) -> Record:
    """Returns the record of a line of `matches.jsonl`; null among the returns, which JSON has in place of NaN, is NaN again.

    Args:
        line: The line's JSON value.
        where: Place of the line; begins errors.

    Raises:
        ArenaError: If the line isn't a record: a key is missing or unknown, or a value has the wrong type, range or length.
    """
    kinds = {"game": PlayedGame, "episodes": Episodes}
    if not isinstance(line, Mapping):
        raise ArenaError(f"{where}: it must be a JSON object")
    kind = line.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise ArenaError(f"{where}: kind={kind!r} is none of {', '.join(kinds)}")
    value = {key: item for key, item in line.items() if key != "kind"}
    if isinstance(value.get("returns"), list):
        value["returns"] = [math.nan if item is None else item for item in value["returns"]]
    record: Record = checked(kinds[kind], value, where)
    if isinstance(record, Episodes) and len(record.returns) != len(record.lengths):
        raise ArenaError(f"{where}: {len(record.returns)} returns and {len(record.lengths)} lengths")
    return record
