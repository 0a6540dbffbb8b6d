"""How results count: the points of games and duels, and the table of all matches that ratings are fitted to."""

import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.rating.matches import Matches
from arena.statistics.ties import NOISE
from arena.tournament.match_records import Episodes, PlayedGame, Record

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Duel:
    """One meeting of two players on one environment: E paired episodes."""

    env: str
    """Name of the environment."""
    players: tuple[str, str]
    """Names of the players."""
    seed: int
    """Seed of the starts that both played."""
    points: Array
    """Points of the first player, `float64 [E]`: 1 for the higher return, 0.5 for equal returns."""
    returns: Array
    """Returns of both players, `float64 [2, E]`; NaN where a player's policy failed."""


def match_table(records: Iterable[Record], env: str, index: Mapping[str, int], entrant_of: Mapping[str, str]) -> Matches:
    """Returns all matches of one environment as arrays, duels and games alike.

    Args:
        records: All records of the tournament.
        env: Name of the environment.
        index: Player -> number.
        entrant_of: Player -> entrant.
    """
    here = [record for record in records if record.env == env]
    games = [record for record in here if isinstance(record, PlayedGame)]
    if games:
        return _games_table(games, index)
    met = list(duels(here, entrant_of))
    if not met:
        return Matches(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    lengths = [len(duel.points) for duel in met]
    first, second = (np.repeat([index[duel.players[side]] for duel in met], lengths) for side in (0, 1))
    return Matches(first, second, np.concatenate([duel.points for duel in met]), np.concatenate([np.arange(each) for each in lengths]))


def duels(records: Iterable[Record], entrant_of: Mapping[str, str]) -> Iterator[Duel]:
    """Yields every meeting of two players of different entrants that follows from their episodes, ordered by name.

    Args:
        records: Records of matches; games among them are passed over.
        entrant_of: Player -> entrant; two training seeds of one agent do not meet.
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


def duel_points(returns: Array) -> Array:
    """Returns the first player's points `float64 [E]` for `returns` `[2, E]`: a NaN loses to any number, and float noise is a tie."""
    first, second = np.where(np.isnan(returns), -np.inf, returns)
    equal = np.isclose(first, second, rtol=NOISE, atol=0.0) | (first == second)
    return np.asarray(np.where(equal, 0.5, first > second))


def _games_table(games: list[PlayedGame], index: Mapping[str, int]) -> Matches:
    sides = np.array([[index[player] for player in game.players] for game in games], np.int64)
    # Openings drawn under two seeds can be the same, and greedy policies then play the same game: it isn't a second sample.
    openings: dict[tuple[int, ...], int] = {}
    starts = [openings.setdefault(game.moves[: game.num_opening_moves], len(openings)) for game in games]
    return Matches(sides[:, 0], sides[:, 1], np.array([game.points for game in games]), np.array(starts), seated=True)


def _returns(episodes: Episodes, num_episodes: int) -> Array:
    return np.asarray(episodes.returns, np.float64) if not episodes.reason else np.full(num_episodes, np.nan)
