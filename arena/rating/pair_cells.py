"""Points of every pair of entrants, each environment, each pair of players and each start counted alike.

A *cell* is a pair of entrants. Its points estimate how likely a new training run of the one is to beat a new run of the other, ties half:
the mean over environments of the mean over pairs of their players (training seeds). So an environment in which more was played counts no
more than another, and neither does a pair of players that met more often.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError
from arena.rating.matches import Matches

Array = npt.NDArray[Any]

DECIMALS = 12
"""Digits to which points are rounded: what differs beyond them is rounding of sums, and no majority."""


@dataclasses.dataclass(frozen=True, eq=False)
class MatchViews:
    """Every match of one environment twice, once as each of its players sees it: N = 2 M views."""

    player: Array
    """`int64 [N]`, the player whose view it is."""
    entrant: Array
    """`int64 [N]`, the player's entrant."""
    opponent: Array
    """`int64 [N]`, the entrant of the opponent."""
    excess: Array
    """`float64 [N]`, points above the cell's mean in this environment, times the weight of the match in the cell's points."""
    start: Array | None
    """`int64 [N]`, start of the match, from 0; None if all matches are independent."""
    num_starts: float
    """Number of different starts; infinite if all matches are independent."""


@dataclasses.dataclass(frozen=True, eq=False)
class PairCells:
    """Points of all pairs of E entrants."""

    share: Array
    """`float64 [E, E]`, points of row i against column j, in 0..1; NaN for two that never met."""
    num_matches: Array
    """`int64 [E, E]`, matches of each pair."""
    num_envs: Array
    """`int64 [E, E]`, environments in which each pair met."""
    views: list[MatchViews]
    """The matches of each environment."""
    even: bool
    """Whether the pairs that met did so about equally often, as in a round robin.

    Counted by entrants or by players, none met less than half as often as another.
    """


def pair_cells(tables: Sequence[Matches], entrants: Array) -> PairCells:
    """Returns the points of all pairs of entrants.

    Args:
        tables: the matches of each environment.
        entrants: `int64 [P]`, the entrant of each player.

    Raises:
        ArenaError: if a match names a player without an entrant.
    """
    num_entrants = int(entrants.max(initial=-1)) + 1
    for table in tables:
        if (largest := max(table.first.max(initial=-1), table.second.max(initial=-1))) >= len(entrants):
            raise ArenaError(f"a match names player {largest}, but only {len(entrants)} players have an entrant")
    counts = np.zeros((num_entrants, num_entrants), np.int64)
    num_envs = np.zeros_like(counts)
    for table in tables:
        met = np.zeros_like(counts)
        np.add.at(met, (entrants[table.first], entrants[table.second]), 1)
        counts += met + met.T
        num_envs += (met + met.T) > 0
    total = np.zeros(counts.shape)
    views, meetings = [], []
    for table in tables:
        means, per_players, of_env = _views(table, entrants, num_envs)
        meetings.append(per_players)
        total += np.nan_to_num(means)
        views.append(of_env)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(num_envs > 0, np.round(total / num_envs, DECIMALS), np.nan)
    np.fill_diagonal(share, np.nan)
    return PairCells(share, counts, num_envs, views, _even(counts) or all(_even(per_players) for per_players in meetings))


def _even(counts: Array) -> bool:
    met = counts[counts > 0]
    return not len(met) or bool(2 * met.min() >= met.max())


def _views(table: Matches, entrants: Array, num_envs: Array) -> tuple[Array, Array, MatchViews]:
    """Returns the points of all pairs in one environment, and its views.

    The points `[E, E]` are NaN for two that did not meet; between them and the views stands how often each two players that met did so.
    """
    foreign = entrants[table.first] != entrants[table.second]
    first, second, points = table.first[foreign], table.second[foreign], table.points[foreign]
    player, opponent = np.concatenate([first, second]), np.concatenate([second, first])
    points = np.concatenate([points, 1 - points])
    num_entrants = len(num_envs)
    cell = entrants[player] * num_entrants + entrants[opponent]
    meetings, meeting, times = np.unique(player * len(entrants) + opponent, return_inverse=True, return_counts=True)
    cell_of_meeting = entrants[meetings // len(entrants)] * num_entrants + entrants[meetings % len(entrants)]
    num_meetings = np.bincount(cell_of_meeting, minlength=num_entrants**2)  # pairs of players of each cell
    weight = 1 / (times[meeting] * num_meetings[cell])
    with np.errstate(divide="ignore", invalid="ignore"):
        of_meetings = np.bincount(meeting, points) / times  # sums of points are exact, so that equal results give equal means
        means = np.round(np.bincount(cell_of_meeting, of_meetings, num_entrants**2) / num_meetings, DECIMALS)
    start, num_starts = None, np.inf
    if table.start is not None:
        labels, start = np.unique(table.start[foreign], return_inverse=True)
        start, num_starts = np.tile(start, 2), len(labels)
    excess = weight * (points - means[cell]) / num_envs.ravel()[cell]
    return means.reshape(num_envs.shape), times, MatchViews(player, entrants[player], entrants[opponent], excess, start, num_starts)
