"""Ratings of entrants on the Elo scale, with intervals that include the spread over training seeds.

In each environment the players' strengths are fitted (`arena.rating.bradley_terry`); an entrant's rating is the mean over its players, then
over environments. Entrants need not play the same environments: pairs are compared on those that both played, and ratings are adjusted
means (`arena.rating.adjusted_means`). Two things make a rating uncertain (`arena.rating.uncertainty`):

- the seeds: the variance S^2 / K of the mean over K players, with K - 1 degrees of freedom (it holds their own match noise as well);
- the rest of the match noise, from the covariance of the fit.

Both add up, and Satterthwaite's degrees of freedom (1946, doi:10.2307/3002019) give a t interval. `scripts/benchmarks/ratings.py`
measures how often it holds the truth, beside a bootstrap. The interval of an entrant with one player holds for that policy, and does not
include the spread between training seeds.

Which of two entrants is better is decided for all pairs at once by Holm's procedure (1979), so that no pair is ordered wrongly with
probability `level`. Rank intervals follow from these decisions and hold for all entrants at once (as in Mogstad, Romano, Shaikh and
Wilhelm, 2024, doi:10.1093/restud/rdad006).
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError
from arena.rating.adjusted_means import AdjustedMeans
from arena.rating.bradley_terry import ELO_PER_LOG_ODDS, MAX_DENSE_PLAYERS
from arena.rating.matches import Matches, presence
from arena.rating.strengths import Strengths
from arena.statistics.multiple_tests import holm_of_pairs
from arena.statistics.ties import places

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Pairwise:
    """All pairs of entrants compared; row i, column j: i against j."""

    difference: Array
    """`float64 [E, E]`: rating of i minus rating of j over the environments that both played; NaN if they share none."""
    low: Array
    """`float64 [E, E]`, lower ends of the intervals, each of one difference."""
    high: Array
    """`float64 [E, E]`, upper ends."""
    probability_better: Array
    """`float64 [E, E]`: how sure it is that i is rated above j: one minus the one-sided p-value."""
    p_value: Array
    """`float64 [E, E]`, two-sided p-values, corrected by Holm for all pairs."""
    better: Array
    """`bool [E, E]`, whether i is above j, decided at the level for all pairs at once."""
    match_noise: Array
    """`float64 [E, E]`: the share of the difference's variance that more matches would take away; the rest takes more training seeds."""


@dataclasses.dataclass(frozen=True, eq=False)
class Ratings:
    """Ratings of E entrants, in Elo points."""

    rating: Array
    """`float64 [E]`, relative to the anchor's rating or to the mean of all entrants; NaN without matches."""
    low: Array
    """`float64 [E]`, lower ends of the intervals; the anchor's is its rating; NaN if all matches of an environment had one start."""
    high: Array
    """`float64 [E]`, upper ends of the intervals."""
    num_players: Array
    """`int64 [E]`, training seeds that played. If it is 1, the interval does not include the spread over training seeds."""
    rank: Array
    """`int64 [E]`, ranks by rating, from 1; equal ratings share a rank (`arena.statistics.ties`)."""
    rank_low: Array
    """`int64 [E]`, best rank that is not excluded; all rank intervals hold at once."""
    rank_high: Array
    """`int64 [E]`, worst rank that is not excluded."""
    player_rating: Array
    """`float64 [P]`, rating of every player, mean over environments; NaN without matches."""
    pairwise: Pairwise | None
    """All pairs compared; None with too many players."""
    seat_advantage: Array
    """`float64 [T]`, Elo points that moving first is worth in each environment."""
    level: float
    """Confidence of all intervals and decisions, such as 0.95."""
    anchor: int | None
    """Entrant whose rating is 0; None if the mean of all is 0."""


def rate(
    tables: Sequence[Matches],
    entrants: Array,
    *,
    anchor: int | None = None,
    level: float = 0.95,
    max_dense_players: int = MAX_DENSE_PLAYERS,
) -> Ratings:
    """Rates entrants from all matches of their players.

    Args:
        tables: the matches of each environment.
        entrants: `int64 [P]`, the entrant of each player, counted from zero.
        anchor: entrant whose rating is 0, such as the random player.
        level: confidence of intervals, decisions and rank intervals.
        max_dense_players: largest P for which pairs are compared.

    Raises:
        ArenaError: if matches name unknown players, the level is not between 0 and 1, or there is no such anchor.
    """
    if not 0 < level < 1:
        raise ArenaError(f"the level of a rating must lie between 0 and 1; got {level}")
    num_entrants = int(entrants.max(initial=-1)) + 1
    if anchor is not None and not 0 <= anchor < num_entrants:
        raise ArenaError(f"cannot anchor the ratings at entrant {anchor}: the {num_entrants} entrants are counted from 0")
    means = AdjustedMeans(presence(tables, entrants, num_entrants), anchor)
    strengths = Strengths(means, entrants, max_dense_players=max_dense_players)
    for env, table in enumerate(tables):
        strengths.add(env, table)
    rating = ELO_PER_LOG_ODDS * strengths.ratings()
    half = strengths.rating_uncertainty().half_width(level)
    if anchor is not None:
        half[anchor] = 0.0
    pairwise = compare_entrants(strengths, level) if strengths.dense else None
    rank, rank_low, rank_high = _ranks(rating, None if pairwise is None else pairwise.better)
    return Ratings(
        rating=rating,
        low=rating - half,
        high=rating + half,
        num_players=strengths.num_players,
        rank=rank,
        rank_low=rank_low,
        rank_high=rank_high,
        player_rating=ELO_PER_LOG_ODDS * strengths.player_ratings(),
        pairwise=pairwise,
        seat_advantage=ELO_PER_LOG_ODDS * strengths.seat_advantages,
        level=level,
        anchor=anchor,
    )


def compare_entrants(strengths: Strengths, level: float) -> Pairwise:
    """Returns all pairs of entrants compared, and decides which are better at `level` for all pairs at once: the verdict on pairs."""
    difference, uncertainty = strengths.differences()
    difference = ELO_PER_LOG_ODDS * difference
    half = uncertainty.half_width(level)
    one_sided = uncertainty.tail(difference)  # p-value of the order that is seen
    p_value = holm_of_pairs(2 * one_sided)
    return Pairwise(
        difference=difference,
        low=difference - half,
        high=difference + half,
        probability_better=np.where(difference > 0, 1 - one_sided, one_sided),
        p_value=p_value,
        better=(p_value < 1 - level) & (difference > 0),
        match_noise=uncertainty.share_of_noise(),
    )


def _ranks(rating: Array, better: Array | None) -> tuple[Array, Array, Array]:
    """Returns the rank by rating, and the best and the worst rank that `better` `bool [E, E]` does not exclude, `[E]` each.

    Pairs are compared on the environments that both played, while ratings put everything on one line; the rank on that line is never
    excluded.
    """
    num_entrants = len(rating)
    rank = places(rating)
    if better is None:
        return rank, np.minimum(1, rank), np.maximum(num_entrants, rank)
    last = rank + (rank[:, None] == rank).sum(1) - 1  # worst place that equal ones hold together
    return rank, np.minimum(1 + better.sum(0), rank), np.maximum(num_entrants - better.sum(1), last)
