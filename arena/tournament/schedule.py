"""Which matches to play next. Pure functions: the same arguments, the same matches.

`round_robin` plays everything. `swiss` pairs players of like scores, for many players. `adaptive` plays where the ranking is open: pairs of
entrants next to each other whose order is undecided, since a match says most about two strengths when these are close (its information is
p (1 - p)), and only neighbours matter to a ranking (Heckel, Shah, Ramchandran and Wainwright, 2019, doi:10.1214/18-AOS1772).
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError
from arena.rating.matches import Matches
from arena.rating.ratings import Ratings, rate
from arena.seeding import adaptive_rng, swiss_rng

Array = npt.NDArray[Any]

GROWTH = 0.5
"""An open pair plays this fraction of its earlier matches again before the next look, so that looks stay few."""
LEAST_MATCH_NOISE = 0.1
"""Share of a difference's variance below which more matches are pointless: without any noise its interval would be 5 % narrower."""


@dataclasses.dataclass(frozen=True, eq=False)
class Lineup:
    """Who plays in one environment, and how."""

    players: Array
    """`int64`"""
    seated: bool = False
    """Whether moving first can be an advantage: each start is then played twice, with seats swapped."""
    num_distinct: Callable[[int], int] | None = None
    """Returns how many of the first so many starts differ; None where all do."""
    chance: frozenset[int] = frozenset()
    """Players who play otherwise from the same start: their matches are new however often a start returns."""

    def starts_left(self, first: Array, second: Array, played: Array, wanted: int) -> Array:
        """Returns how many of `wanted` further starts B pairs can play without repeating themselves, `int64 [B]`.

        Args:
            first: players, `int64 [B]`.
            second: their opponents, `int64 [B]`.
            played: starts that each pair has had, `int64 [B]`.
            wanted: by each pair.
        """
        if self.num_distinct is None or not len(first):
            return np.full(len(first), wanted)
        left = np.clip(self.num_distinct(int(played.max()) + wanted) - played, 0, wanted)
        return np.where(np.isin([first, second], list(self.chance)).any(0), wanted, left)


@dataclasses.dataclass(frozen=True, eq=False)
class Pairings:
    """B matches to play."""

    env: Array
    """`int64 [B]`: index of the lineup."""
    first: Array
    """`int64 [B]`, players."""
    second: Array
    """`int64 [B]`"""
    start: Array
    """`int64 [B]`: which of the environment's starts (reset seeds, openings), counted from zero."""

    def __len__(self) -> int:
        return len(self.env)


def round_robin(lineups: Sequence[Lineup], entrants: Array, num_starts: int) -> Pairings:
    """Returns every pair of players of different entrants, in every environment, on every start, from both seats where there are seats."""
    parts = []
    for env, lineup in enumerate(lineups):
        first, second = (lineup.players[index] for index in np.triu_indices(len(lineup.players), 1))
        foreign = entrants[first] != entrants[second]
        parts.append(_matches(env, lineup, first[foreign], second[foreign], np.arange(num_starts)))
    return _concatenate(parts)


def swiss(
    tables: Sequence[Matches], lineups: Sequence[Lineup], entrants: Array, *, round_index: int, num_starts: int, seed: int
) -> Pairings:
    """Returns one round: in each environment every player meets one of like score whom it has not met.

    With P players, none meets another again before round P / 2, if all are of different entrants. With an odd number one sits out: of those
    who have played most, the lowest. Players of one entrant are not paired while others are free.

    Args:
        tables: all matches so far, per environment.
        lineups: who plays, per environment.
        entrants: `int64 [P]`, the entrant of each player.
        round_index: counted from zero; decides the starts.
        num_starts: of each pair.
        seed: breaks ties of scores.
    """
    parts = []
    for env, (table, lineup) in enumerate(zip(tables, lineups, strict=True)):
        rng = swiss_rng(seed, round_index, env)
        pairs = _swiss_pairs(table, rng.permutation(lineup.players), entrants)
        starts = round_index * num_starts + np.arange(num_starts)
        parts.append(_matches(env, lineup, pairs[:, 0], pairs[:, 1], starts))
    return _concatenate(parts)


@dataclasses.dataclass(frozen=True, eq=False)
class Step:
    """What an adaptive schedule found, and what it plays next."""

    pairings: Pairings
    """Empty once nothing is left that more matches would decide, or the budget is spent."""
    undecided: list[tuple[int, int]]
    """Neighbours in the ranking whose order is open."""
    needs_seeds: list[tuple[int, int]]
    """Those of them that only more training seeds would decide."""
    used_up: list[tuple[int, int]]
    """Those of the others whose players have had all distinct starts: further matches would only repeat these."""

    @classmethod
    def empty(cls) -> "Step":
        """Returns the step that plays nothing, where there is nothing to rank."""
        return cls(_concatenate([]), [], [], [])


def adaptive(
    tables: Sequence[Matches],
    lineups: Sequence[Lineup],
    entrants: Array,
    *,
    look: int,
    num_starts: int,
    budget: int,
    seed: int,
    level: float = 0.95,
) -> Step:
    """Returns the matches that narrow the ranking most.

    Each call is a look at the data, and many looks would find an order in noise. So look k decides at `look_level(level, k)`; the chance of
    any wrong order at any look stays below 1 - level (union bound). An entrant without matches first meets those in the middle.

    Args:
        tables: all matches so far, per environment.
        lineups: who plays, per environment.
        entrants: `int64 [P]`, the entrant of each player.
        look: k, counted from one.
        num_starts: fewest that an open pair plays before the next look.
        budget: most matches to return.
        seed: breaks ties.
        level: of the whole ranking.
    """
    rng = adaptive_rng(seed, look)
    ratings = rate(tables, entrants, level=look_level(level, look))
    new = np.isin(np.arange(len(ratings.rating)), entrants[np.concatenate([lineup.players for lineup in lineups])])
    new &= np.isnan(ratings.rating)
    undecided = _open_neighbours(ratings)
    assert ratings.pairwise is not None
    needs_seeds = [pair for pair in undecided if ratings.pairwise.match_noise[pair] < LEAST_MATCH_NOISE]
    used_up = [
        pair
        for pair in undecided
        if pair not in needs_seeds and not any(meeting.starts_left(1).any() for meeting in _meetings(tables, lineups, entrants, pair))
    ]
    playable = [pair for pair in undecided if pair not in (*needs_seeds, *used_up)] + _placements(ratings, new, rng)
    parts = []
    for pair in playable:
        meetings = list(_meetings(tables, lineups, entrants, pair))
        parts += _next_matches(meetings, num_starts, max(budget, 0) // len(playable), rng)
    return Step(_concatenate(parts), undecided, needs_seeds, used_up)


def look_level(level: float, look: int) -> float:
    """Returns the level of look k: of the error that `level` allows, look k may spend 1 / (k (k + 1)), which sums to one."""
    if look < 1:
        raise ArenaError(f"looks are counted from one; got {look}")
    return 1 - (1 - level) / (look * (look + 1))


def _open_neighbours(ratings: Ratings) -> list[tuple[int, int]]:
    assert ratings.pairwise is not None, "too many players for an adaptive schedule"
    rated = [int(entrant) for entrant in np.argsort(ratings.rank) if not np.isnan(ratings.rating[entrant])]
    return [(above, below) for above, below in itertools.pairwise(rated) if not ratings.pairwise.better[above, below]]


def _placements(ratings: Ratings, new: Array, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Pairs each new entrant with two in the middle of the ranking, or, where none is rated yet, all in a ring."""
    names = rng.permutation(np.flatnonzero(new)).tolist()
    rated = [int(entrant) for entrant in np.argsort(ratings.rank) if not np.isnan(ratings.rating[entrant])]
    if rated:
        middle = rated[max(len(rated) // 2 - 1, 0) : len(rated) // 2 + 1]
        return [(name, opponent) for name in names for opponent in middle]
    ring = zip(names, names[1:] + names[:1], strict=True)
    return sorted({(min(pair), max(pair)) for pair in ring if pair[0] != pair[1]})


@dataclasses.dataclass(frozen=True, eq=False)
class _Meeting:
    """All pairs of two entrants' players in one environment."""

    env: int
    lineup: Lineup
    first: Array
    """`int64 [B]`"""
    second: Array
    """`int64 [B]`"""
    played: Array
    """Starts that each pair has had, `int64 [B]`."""

    @property
    def seats(self) -> int:
        return 2 if self.lineup.seated else 1

    def starts_left(self, wanted: int) -> Array:
        return self.lineup.starts_left(self.first, self.second, self.played, wanted)


def _meetings(tables: Sequence[Matches], lineups: Sequence[Lineup], entrants: Array, pair: tuple[int, int]) -> Iterator[_Meeting]:
    """Yields where two entrants meet."""
    for env, (table, lineup) in enumerate(zip(tables, lineups, strict=True)):
        rows, columns = (lineup.players[entrants[lineup.players] == entrant] for entrant in pair)
        first, second = (grid.ravel() for grid in np.meshgrid(rows, columns, indexing="ij"))
        if len(first):
            met = _times_met(table, len(entrants))[first, second]
            yield _Meeting(env, lineup, first, second, met // (2 if lineup.seated else 1))


def _next_matches(meetings: Sequence[_Meeting], num_starts: int, budget: int, rng: np.random.Generator) -> list[Pairings]:
    """Returns the next matches of two entrants: their players' pairs in turn, those first that met least, each on its next starts."""
    parts = []
    for meeting in meetings:
        total = max(num_starts, int(GROWTH * meeting.played.sum()))
        total = min(total, budget // (len(meetings) * meeting.seats))
        order = np.argsort(meeting.played + rng.random(len(meeting.played)))
        left, fill = meeting.starts_left(total), meeting.played.copy()
        chosen: list[int] = []
        starts: list[int] = []
        turns = itertools.cycle(order.tolist())
        while len(chosen) < min(total, left.sum()):
            choice = next(turns)
            if meeting.played[choice] + left[choice] > fill[choice]:
                chosen.append(choice)
                starts.append(fill[choice])
                fill[choice] += 1
        pairs = meeting.first[chosen], meeting.second[chosen]
        parts.append(_seat(meeting.env, meeting.lineup, *pairs, np.array(starts, np.int64)))
    return parts


def _times_met(table: Matches, num_players: int) -> Array:
    keys = np.concatenate([table.first * num_players + table.second, table.second * num_players + table.first]).astype(np.int64)
    return np.bincount(keys, minlength=num_players**2).reshape(num_players, num_players)


def _swiss_pairs(table: Matches, players: Array, entrants: Array) -> Array:
    """Returns the pairs `[B, 2]` of one round; `players` come in the order that breaks ties."""
    num_players = len(entrants)
    met = _times_met(table, num_players)
    cost = met + (entrants[:, None] == entrants[None]) * (met.sum() + 1)  # what may not be comes last
    played = met.sum(-1)
    points = np.bincount(table.first, table.points, num_players) + np.bincount(table.second, 1 - table.points, num_players)
    score = np.divide(points, played, out=np.full(num_players, 0.5), where=played > 0)  # a bye changes nothing
    order = players[np.argsort(-score[players], kind="stable")].tolist()
    if len(order) % 2:
        most = max(played[player] for player in order)
        order.remove(next(player for player in reversed(order) if played[player] == most))
    pairs = []
    while order:
        player = order.pop(0)
        opponent = min(order, key=lambda other: (cost[player, other], order.index(other)))
        order.remove(opponent)
        pairs.append([player, opponent])
    _mend(pairs, cost)
    kept = [pair for pair in pairs if entrants[pair[0]] != entrants[pair[1]]]
    return np.array(kept, np.int64).reshape(-1, 2)


def _mend(pairs: list[list[int]], cost: Array) -> None:
    """Swaps opponents with the nearest pair that makes a second meeting unnecessary.

    After r rounds two players who meet again have met at most 2 (r - 1) others between them, and a swap fails only on two of those: there
    is one as long as r < P / 2.
    """
    for index in range(len(pairs)):
        a, b = pairs[index]
        if not cost[a, b]:
            continue
        for other in sorted(range(len(pairs)), key=lambda place: abs(place - index)):
            c, d = pairs[other]
            swaps = [swap for swap in (((a, c), (b, d)), ((a, d), (b, c))) if not cost[swap[0]] and not cost[swap[1]]]
            if other != index and swaps:
                pairs[index], pairs[other] = [*swaps[0][0]], [*swaps[0][1]]
                break


def _matches(env: int, lineup: Lineup, first: Array, second: Array, starts: Array) -> Pairings:
    pairs = len(first)
    return _seat(env, lineup, np.repeat(first, len(starts)), np.repeat(second, len(starts)), np.tile(starts, pairs))


def _seat(env: int, lineup: Lineup, first: Array, second: Array, start: Array) -> Pairings:
    if lineup.seated:  # both seats of a start follow each other
        first, second = (np.stack(seats, 1).ravel() for seats in ((first, second), (second, first)))
        start = np.repeat(start, 2)
    return Pairings(np.full(len(first), env), first, second, start)


def _concatenate(parts: Sequence[Pairings]) -> Pairings:
    arrays = ([getattr(part, field.name) for part in parts] for field in dataclasses.fields(Pairings))
    return Pairings(*(np.concatenate([np.empty(0, np.int64), *array]) for array in arrays))
