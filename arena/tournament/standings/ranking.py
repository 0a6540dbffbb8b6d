"""The ranking of a tournament's entrants: the one place in which it is decided who is ahead of whom."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.rating.field_points import FieldPoints, field_points
from arena.rating.matches import Matches
from arena.rating.run_tests import decided_by_runs
from arena.rating.win_matrix import WinMatrix, win_matrix
from arena.tournament.schedule.adaptive import look_level

Array = npt.NDArray[Any]

CONFIDENCE = 0.95
"""Confidence of all intervals of the standings."""


@dataclasses.dataclass(frozen=True, eq=False)
class Ranking:
    """Expected points and ranks of all E entrants, and how sure they are."""

    field: FieldPoints
    """Points against the field with intervals at `CONFIDENCE`, and decisions and ranks with intervals at `level`."""
    wins: WinMatrix
    """Shares of points of every pair, decided at `level`."""
    order: tuple[int, ...]
    """Numbers of the entrants, best first."""
    num_looks: int
    """Number of looks at the results after which games were chosen; 0 where the schedule was fixed beforehand."""
    level: float
    """Confidence at which orders are decided; the more looks, the closer to 1."""


def rank_entrants(tables: Sequence[Matches], entrants: Array, *, num_looks: int, run_returns: Sequence[Array | None] = (None,)) -> Ranking:
    """Returns the ranking of the entrants over all environments.

    Args:
        tables: All matches, one table for each environment.
        entrants: Entrant of each player, `int64 [P]`.
        num_looks: Number of looks at the results after which games were chosen; each costs some of the error that may be made.
        run_returns: Mean return of each player's run in each environment, `float64 [P]`; None for a game, which has none. Points against
            the field then decide.
    """
    level = look_level(CONFIDENCE, num_looks) if num_looks else CONFIDENCE
    field = field_points(tables, entrants, level=CONFIDENCE)
    if level != CONFIDENCE:
        decided = field_points(tables, entrants, level=level)
        field = dataclasses.replace(field, rank_low=decided.rank_low, rank_high=decided.rank_high, better=decided.better)
    of_runs = [returns for returns in run_returns if returns is not None]
    if len(of_runs) == len(run_returns):
        field = decided_by_runs(field, of_runs, entrants, level=level)
    return Ranking(
        field=field,
        wins=win_matrix(tables, entrants, level=level),
        order=tuple(int(place) for place in np.argsort(field.rank, kind="stable")),
        num_looks=num_looks,
        level=level,
    )
