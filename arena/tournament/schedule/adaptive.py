"""The adaptive schedule: matches are played where the ranking is open. The same arguments give the same matches.

Neighbours in the ranking whose order is undecided meet, since a match says most about two strengths when these are close (its information
is p (1 - p)), and only neighbours matter to a ranking (Heckel, Shah, Ramchandran and Wainwright, 2019, doi:10.1214/18-AOS1772).
"""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError
from arena.rating.field_points import FieldPoints, field_points
from arena.rating.matches import Matches
from arena.seeding import adaptive_rng
from arena.tournament.schedule.lineups import Lineup, Pairings, concatenated, seated_pairings, times_met

Array = npt.NDArray[Any]

GROWTH = 0.5
"""Fraction of its earlier matches that an open pair plays again before the next look, so that looks stay few."""
MIN_MATCH_NOISE = 0.1
"""Share of a difference's variance below which more matches are pointless: without any noise its interval would be 5 % narrower."""


@dataclasses.dataclass(frozen=True, eq=False)
class Look:
    """One look at the results: what the adaptive schedule found, and what it plays next."""

    pairings: Pairings
    """Matches to play; empty once nothing is left that more matches would decide, or the budget is spent."""
    undecided: list[tuple[int, int]]
    """Neighbours in the ranking whose order is open."""
    needs_seeds: list[tuple[int, int]]
    """Undecided pairs that only more training seeds would decide."""
    used_up: list[tuple[int, int]]
    """Other undecided pairs whose players have had all distinct starts: further matches would only repeat these."""

    @classmethod
    def empty(cls) -> "Look":
        """Returns the look that plays nothing, where there is nothing to rank."""
        return cls(concatenated([]), [], [], [])


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
) -> Look:
    """Returns the matches that narrow the ranking most.

    Each call is a look at the data, and many looks would find an order in noise. So look k decides at `look_level(level, k)`; the chance of
    any wrong order at any look stays below 1 - level (union bound). An entrant without matches first meets those in the middle.

    Args:
        tables: All matches so far, one table for each environment.
        lineups: Who plays, for each environment.
        entrants: Entrant of each player, `int64 [P]`.
        look: Number of the look, k, counted from one.
        num_starts: Min number of starts that an open pair plays before the next look.
        budget: Max number of matches to return.
        seed: Seed that breaks ties.
        level: Confidence of the whole ranking.
    """
    rng = adaptive_rng(seed, look)
    field = field_points(tables, entrants, level=look_level(level, look))
    new = np.isin(np.arange(len(field.points)), entrants[np.concatenate([lineup.players for lineup in lineups])])
    new &= np.isnan(field.points)
    undecided = _open_neighbours(field)
    needs_seeds = [pair for pair in undecided if field.match_noise[pair] < MIN_MATCH_NOISE]
    used_up = [
        pair
        for pair in undecided
        if pair not in needs_seeds and not any(meeting.starts_left(1).any() for meeting in _meetings(tables, lineups, entrants, pair))
    ]
    playable = [pair for pair in undecided if pair not in (*needs_seeds, *used_up)] + _placements(field, new, rng)
    parts = []
    for pair in playable:
        meetings = list(_meetings(tables, lineups, entrants, pair))
        parts += _next_matches(meetings, num_starts, max(budget, 0) // len(playable), rng)
    return Look(concatenated(parts), undecided, needs_seeds, used_up)


def look_level(level: float, look: int) -> float:
    """Returns the level of look k: it may spend 1 / (k (k + 1)) of the error that `level` allows; these fractions sum to one."""
    if look < 1:
        raise ArenaError(f"looks are counted from one; got {look}")
    return 1 - (1 - level) / (look * (look + 1))


def _open_neighbours(field: FieldPoints) -> list[tuple[int, int]]:
    rated = [int(entrant) for entrant in np.argsort(field.rank, kind="stable") if not np.isnan(field.points[entrant])]
    return [(above, below) for above, below in itertools.pairwise(rated) if not field.better[above, below]]


def _placements(field: FieldPoints, new: Array, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Pairs each new entrant with two in the middle of the ranking, or, where none is rated yet, all in a ring."""
    names = rng.permutation(np.flatnonzero(new)).tolist()
    rated = [int(entrant) for entrant in np.argsort(field.rank, kind="stable") if not np.isnan(field.points[entrant])]
    if rated:
        middle = rated[max(len(rated) // 2 - 1, 0) : len(rated) // 2 + 1]
        return [(name, opponent) for name in names for opponent in middle]
    ring = zip(names, names[1:] + names[:1], strict=True)
    return sorted({(min(pair), max(pair)) for pair in ring if pair[0] != pair[1]})


@dataclasses.dataclass(frozen=True, eq=False)
class _Meeting:
    """All pairs of two entrants' players in one environment."""

    env: int
    """Index of the environment."""
    lineup: Lineup
    """Who plays in the environment, and how."""
    first: Array
    """Players of one entrant, `int64 [B]`."""
    second: Array
    """Players of the other entrant, `int64 [B]`."""
    played: Array
    """Number of starts that each pair has had, `int64 [B]`."""

    @property
    def seats(self) -> int:
        """Number of matches that one start takes."""
        return 2 if self.lineup.seated else 1

    def starts_left(self, wanted: int) -> Array:
        return self.lineup.starts_left(self.first, self.second, self.played, wanted)


def _meetings(tables: Sequence[Matches], lineups: Sequence[Lineup], entrants: Array, pair: tuple[int, int]) -> Iterator[_Meeting]:
    """Yields the environments in which two entrants meet."""
    for env, (table, lineup) in enumerate(zip(tables, lineups, strict=True)):
        rows, columns = (lineup.players[entrants[lineup.players] == entrant] for entrant in pair)
        first, second = (grid.ravel() for grid in np.meshgrid(rows, columns, indexing="ij"))
        if len(first):
            met = times_met(table, len(entrants))[first, second]
            yield _Meeting(env, lineup, first, second, met // (2 if lineup.seated else 1))


def _next_matches(meetings: Sequence[_Meeting], num_starts: int, budget: int, rng: np.random.Generator) -> list[Pairings]:
    """Returns the next matches of two entrants: their players' pairs take turns, those that met least often first, on their next starts."""
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
        parts.append(seated_pairings(meeting.env, meeting.lineup, *pairs, np.array(starts, np.int64)))
    return parts
