"""What is played and what comes of it: the records of `matches.jsonl`, and the matches that follow from them.

Two kinds of lines. A *game* is one match, played once::

    {"kind": "game", "match": "connect_four_v3/a~b/0/0", "env": …, "players": [a, b], "seed": …, "points": 1, "returns": [1.0, -1.0],
     "moves": [3, 3, …], "reason": ""}

*Episodes* are what one player did on one environment from shared starts; every two players with episodes from the same starts have thereby
met in as many *duels*, which are derived on reading, so that n policies cost n evaluations and not n * (n - 1) / 2::

    {"kind": "episodes", "match": "CartPole-v1/a", "env": …, "player": a, "seed": …, "returns": […], "lengths": […], "reason": ""}
"""

import dataclasses
import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Le

from arena.errors import ArenaError
from arena.formats.validation import checked
from arena.rating.matches import Matches

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlayedGame:
    """One game between two players, the first mover first."""

    match: str
    """Unique in its tournament."""
    env: str
    players: tuple[str, str]
    seed: int
    """Of the opening."""
    points: Annotated[float, Ge(0), Le(1)]
    """Of the first mover: 1, 0.5 or 0."""
    returns: tuple[float, float]
    moves: tuple[int, ...]
    """All of them, the opening's included: enough to replay the game."""
    num_opening_moves: Annotated[int, Ge(0)]
    """How many of the moves were the random opening's."""
    reason: str = ""
    """Why the loser lost, where it broke a rule: an illegal move, a time-out, an error of its policy."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Episodes:
    """What one player did on one environment: E episodes from starts that other players shared."""

    match: str
    """Unique in its tournament."""
    env: str
    player: str
    seed: int
    """Episodes of two players with the same seed and E have the same starts, one by one."""
    returns: tuple[float, ...]
    """`[E]`"""
    lengths: tuple[int, ...]
    """`[E]`, env steps."""
    reason: str = ""
    """Why there are none: the error of its policy. Such a player loses its duels."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Duel:
    """One meeting of two players on one environment: E paired episodes."""

    env: str
    players: tuple[str, str]
    seed: int
    points: Array
    """`float64 [E]` of the first player: 1 for the higher return, 0.5 for equal ones."""
    returns: Array
    """`float64 [2, E]`; NaN where a player's policy failed."""


Record = PlayedGame | Episodes


def to_line(record: Record) -> dict[str, Any]:
    """Returns the record as it stands in `matches.jsonl`."""
    return {"kind": "game" if isinstance(record, PlayedGame) else "episodes", **dataclasses.asdict(record)}


def from_line(line: Any, where: str) -> Record:
    """Reverses `to_line` after a way through JSON, which has no NaN: it is null there.

    Args:
        line: from `matches.jsonl`.
        where: begins errors.

    Raises:
        ArenaError: if it is no such line: a key is missing or unknown, or a value of the wrong type, out of range or without its pair.
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


def duels(records: Iterable[Record], entrant_of: Mapping[str, str]) -> Iterator[Duel]:
    """Yields every meeting of two players of different entrants that follows from their episodes, ordered by name.

    Args:
        records: games among them are passed over.
        entrant_of: player -> entrant; two training seeds of one agent do not meet.
    """
    by_starts: dict[tuple[str, int], dict[str, Episodes]] = defaultdict(dict)
    for record in records:
        if isinstance(record, Episodes):
            by_starts[record.env, record.seed][record.player] = record
    for (env, seed), episodes in sorted(by_starts.items()):
        num_episodes = max(len(of_player.returns) for of_player in episodes.values()) or 1
        for first, second in itertools.combinations(sorted(episodes), 2):
            if entrant_of[first] != entrant_of[second]:
                returns = np.stack([_returns(episodes[player], num_episodes) for player in (first, second)])
                yield Duel(env=env, players=(first, second), seed=seed, points=duel_points(returns), returns=returns)


def match_table(records: Iterable[Record], env: str, index: Mapping[str, int], entrant_of: Mapping[str, str]) -> Matches:
    """Returns all matches of one environment as arrays, duels and games alike.

    Args:
        records: of the whole tournament.
        env: name of the environment.
        index: player -> number.
        entrant_of: player -> entrant.
    """
    here = [record for record in records if record.env == env]
    games = [record for record in here if isinstance(record, PlayedGame)]
    if games:
        sides = np.array([[index[player] for player in game.players] for game in games], np.int64)
        # Openings drawn under two seeds can be the same, and greedy policies then play the same game: no second sample.
        openings: dict[tuple[int, ...], int] = {}
        starts = [openings.setdefault(game.moves[: game.num_opening_moves], len(openings)) for game in games]
        return Matches(sides[:, 0], sides[:, 1], np.array([game.points for game in games]), np.array(starts), seated=True)
    met = list(duels(here, entrant_of))
    if not met:
        return Matches(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    lengths = [len(duel.points) for duel in met]
    first, second = (np.repeat([index[duel.players[side]] for duel in met], lengths) for side in (0, 1))
    return Matches(first, second, np.concatenate([duel.points for duel in met]), np.concatenate([np.arange(each) for each in lengths]))


def duel_points(returns: Array) -> Array:
    """Returns the first player's points `float64 [E]` for `returns` `[2, E]`; a NaN loses to any number."""
    first, second = np.where(np.isnan(returns), -np.inf, returns)
    return np.asarray(np.where(first == second, 0.5, first > second))


def _returns(episodes: Episodes, num_episodes: int) -> Array:
    return np.asarray(episodes.returns, np.float64) if not episodes.reason else np.full(num_episodes, np.nan)
