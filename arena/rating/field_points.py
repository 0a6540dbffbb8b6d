"""Expected points against the field: what ranks entrants, with intervals over training seeds and decisions about all pairs.

The points of an entrant are the mean of its row of the matrix of pairs (`arena.rating.pair_cells`): how likely a new training run of it
is to beat a new run of another entrant, ties half, averaged over the other entrants. Pairs that never met, and all pairs of a schedule in
which they met unequally often, are predicted (`arena.rating.predicted_cells`). Nothing else ranks, so rank and matrix cannot contradict
each other.

A *rating* is the same number on the Elo scale, with its zero inside the field: 400 log10(x / (1 - x)), where x is the points if the
entrant also met its own kind, an even match: (1/2 + (E - 1) points) / E. So it is finite without a prior, and more episodes do not move
it.

The variance of the points is that of a U-statistic (`arena.rating.field_variance`). Which of two entrants is better is decided by the
difference of their points, for all pairs at once by Holm's procedure (1979), so that any pair is ordered wrongly with probability
1 - `level` at most. In duels, `arena.rating.run_tests` decides instead: there it is known how runs of one entrant compare. Rank intervals
follow from these decisions and hold for all entrants at once (as in Mogstad, Romano, Shaikh and Wilhelm, 2024,
doi:10.1093/restud/rdad006). `scripts/benchmarks/field_points.py` measures how often intervals hold the truth.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError
from arena.rating.bradley_terry import ELO_PER_LOG_ODDS
from arena.rating.field_variance import field_variance
from arena.rating.matches import Matches
from arena.rating.pair_cells import PairCells, pair_cells
from arena.rating.predicted_cells import completed
from arena.statistics.multiple_tests import holm_of_pairs

Array = npt.NDArray[Any]

ROUNDING = 1e-9
"""Largest difference of points that is rounding: such entrants are equal."""


@dataclasses.dataclass(frozen=True, eq=False)
class FieldPoints:
    """Expected points of E entrants against the field. All is NaN, and `better` false, for an entrant without matches."""

    points: Array
    """`float64 [E]`, mean of the row of `matrix` over the other entrants, in 0..1."""
    low: Array
    """`float64 [E]`, lower ends of the intervals, in 0..1; NaN if an environment had one start, or there are too many entrants."""
    high: Array
    """`float64 [E]`, upper ends of the intervals."""
    rating: Array
    """`float64 [E]`, `points` on the Elo scale; 0 is half of the points."""
    rating_low: Array
    """`float64 [E]`, `low` on the Elo scale."""
    rating_high: Array
    """`float64 [E]`, `high` on the Elo scale."""
    rank: Array
    """`int64 [E]`, 1 plus the number of entrants with more points; equal entrants have equal ranks."""
    rank_low: Array
    """`int64 [E]`, best rank that is not excluded; all rank intervals hold at once."""
    rank_high: Array
    """`int64 [E]`, worst rank that is not excluded."""
    better: Array
    """`bool [E, E]`, whether i has more points than j, decided at `level` for all pairs at once."""
    p_value: Array
    """`float64 [E, E]`, two-sided p-values of equal points, corrected by Holm for all pairs."""
    start_p_value: Array
    """`float64 [E, E]`, the same with these very runs: whether other starts could have made the difference."""
    match_noise: Array
    """`float64 [E, E]`: share of the variance of the pair's difference that more matches would take away; the rest takes more seeds."""
    matrix: Array
    """`float64 [E, E]`, points of row i against column j; NaN on the diagonal."""
    predicted: Array
    """`bool [E, E]`, whether the points of the pair are predicted: it never met, or pairs met so unequally that all are predicted."""
    num_players: Array
    """`int64 [E]`, training seeds that played. If it is 1, the interval does not include the spread over training seeds."""
    level: float
    """Confidence of all intervals and decisions, such as 0.95."""


def field_points(tables: Sequence[Matches], entrants: Array, *, level: float = 0.95) -> FieldPoints:
    """Returns the expected points of entrants against the field.

    Args:
        tables: the matches of each environment.
        entrants: `int64 [P]`, the entrant of each player, counted from zero.
        level: confidence of intervals, decisions and rank intervals.

    Raises:
        ArenaError: if matches name unknown players, or the level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ArenaError(f"the level of an interval must lie between 0 and 1; got {level}")
    cells = pair_cells(tables, entrants)
    played = np.asarray(cells.num_matches.sum(1) > 0)  # [E]
    names = np.flatnonzero(played)
    compact = np.cumsum(played) - 1  # entrant -> its number among those that played
    square = np.ix_(names, names)
    matrix, predicted, dependence = completed(cells.share[square], cells.num_matches[square], even=cells.even)
    points = matrix.sum(1) / max(len(names) - 1, 1)
    variance = field_variance(_among(cells, compact, square), points, predicted, dependence)
    half, difference = variance.half_width(level), np.subtract.outer(points, points)
    p_value = holm_of_pairs(variance.p_value(difference))
    better = (p_value < 1 - level) & (difference > ROUNDING)
    rank = 1 + (difference < -ROUNDING).sum(1)
    low, high = np.clip([points - half, points + half], 0.0, 1.0)
    np.fill_diagonal(matrix, np.nan)

    def spread(values: Array, empty: Any) -> Array:
        """Returns `values` of those that played, `[e]` or `[e, e]`, among all entrants, with `empty` for the others."""
        full = np.full((len(played),) * values.ndim, empty, np.asarray(values).dtype)
        full[names if values.ndim == 1 else square] = values
        return full

    counts = np.bincount(entrants[_players(tables)], minlength=len(played))
    of_all = [spread(_elo(values, len(names)), np.nan) for values in (points, low, high)]
    better_of_all = spread(better, False)
    return FieldPoints(
        **{name: spread(values, np.nan) for name, values in (("points", points), ("low", low), ("high", high))},
        **dict(zip(("rating", "rating_low", "rating_high"), of_all, strict=True)),
        rank=spread(rank, len(names) + 1),
        rank_low=1 + better_of_all.sum(0),
        rank_high=len(played) - better_of_all.sum(1),
        better=better_of_all,
        p_value=spread(p_value, 1.0),
        start_p_value=spread(holm_of_pairs(variance.p_value_of_starts(difference)), 1.0),
        match_noise=spread(variance.match_noise(), np.nan),
        matrix=spread(matrix, np.nan),
        predicted=spread(predicted, False),
        num_players=counts,
        level=level,
    )


def _elo(points: Array, num_entrants: int) -> Array:
    """Returns points `[E]` against the others on the Elo scale, an even match against the entrant's own kind included."""
    share = (0.5 + (num_entrants - 1) * points) / num_entrants
    return np.asarray(ELO_PER_LOG_ODDS * np.log(share / (1 - share)))


def _players(tables: Sequence[Matches]) -> Array:
    """Returns the players that played, `int64 [P]`."""
    return np.unique(np.concatenate([np.zeros(0, np.int64), *(side for table in tables for side in (table.first, table.second))]))


def _among(cells: PairCells, compact: Array, square: tuple[Array, ...]) -> PairCells:
    """Returns the cells with entrants renumbered among those that played."""
    views = [dataclasses.replace(view, entrant=compact[view.entrant], opponent=compact[view.opponent]) for view in cells.views]
    return PairCells(cells.share[square], cells.num_matches[square], cells.num_envs[square], views, cells.even)
