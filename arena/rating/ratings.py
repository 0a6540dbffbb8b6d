"""Ratings of entrants on the Elo scale, with intervals that include the spread over training seeds.

An entrant is an agent; its players are the policies of its training seeds. In each environment the players' strengths are fitted
(`arena.rating.bradley_terry`); an entrant's rating is the mean over its players, then over environments. Entrants need not play the
same environments: pairs are compared on those that both played, and ratings are adjusted means (`arena.rating.adjusted_means`). Two
things make a rating uncertain:

- the seeds: the variance S^2 of the strengths of K players, with K - 1 degrees of freedom (it holds their own match noise as well);
- the rest of the match noise, from the covariance of the fit.

Both add up, and Satterthwaite's degrees of freedom (1946, doi:10.2307/3002019) give a t interval;
`scripts/benchmarks/ratings.py` measures how
often it holds the truth, beside a bootstrap. Where an entrant has one player, its interval holds for that policy, and training again is not
included.

Which of two entrants is better is decided for all pairs at once by Holm's procedure (1979), so that no pair is ordered wrongly with
probability `level`; rank intervals follow from these decisions and hold for all entrants at once (as in Mogstad, Romano, Shaikh and
Wilhelm, 2024, doi:10.1093/restud/rdad006).
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError
from arena.rating.adjusted_means import AdjustedMeans
from arena.rating.bradley_terry import ELO_PER_LOG_ODDS, MAX_DENSE_PLAYERS, Matches
from arena.rating.strengths import Strengths, presence

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Pairwise:
    """All pairs of entrants compared; row i, column j: i against j."""

    difference: Array
    """`float64 [E, E]`: rating of i minus rating of j, over the environments that both played; NaN where there is none."""
    low: Array
    """`float64 [E, E]`, of the interval of one difference."""
    high: Array
    """`float64 [E, E]`"""
    probability_better: Array
    """`float64 [E, E]`: how sure it is that i is rated above j: one minus the one-sided p-value."""
    p_value: Array
    """`float64 [E, E]`: two-sided, adjusted by Holm for all pairs."""
    better: Array
    """`bool [E, E]`: i is above j, decided at the level for all pairs at once."""
    match_noise: Array
    """`float64 [E, E]`: the share of the difference's variance that more matches would take away; the rest takes more training seeds."""


@dataclasses.dataclass(frozen=True, eq=False)
class Ratings:
    """Ratings of E entrants, in Elo points."""

    rating: Array
    """`float64 [E]`; NaN without matches. Relative to the anchor's, or to the mean of all entrants."""
    low: Array
    """`float64 [E]`, of the interval; equal to the rating for the anchor itself, NaN if all matches of an environment began alike."""
    high: Array
    """`float64 [E]`"""
    num_players: Array
    """`int64 [E]`: training seeds that played. Where it is 1, the interval does not include the spread over training seeds."""
    rank: Array
    """`int64 [E]`, from 1, by rating."""
    rank_low: Array
    """`int64 [E]`: the best rank not excluded; all rank intervals hold at once."""
    rank_high: Array
    """`int64 [E]`: the worst rank not excluded."""
    player_rating: Array
    """`float64 [P]` of every player, mean over environments; NaN without matches."""
    pairwise: Pairwise | None
    """None beyond `MAX_DENSE_PLAYERS` players."""
    seat_advantage: Array
    """`float64 [T]`: Elo points that moving first is worth, per environment."""
    level: float
    """Of all intervals, such as 0.95."""
    anchor: int | None
    """The entrant at 0; None: the mean of all is at 0."""


def rate(tables: Sequence[Matches], entrants: Array, *, anchor: int | None = None, level: float = 0.95) -> Ratings:
    """Rates entrants from all matches of their players.

    Args:
        tables: the matches of each environment.
        entrants: `int64 [P]`, the entrant of each player, counted from zero.
        anchor: the entrant whose rating is 0, such as the random player.
        level: of intervals, decisions and rank intervals.

    Raises:
        ArenaError: if matches name unknown players, the level is not between 0 and 1, or there is no such anchor.
    """
    if not 0 < level < 1:
        raise ArenaError(f"the level of a rating must lie between 0 and 1; got {level}")
    num_entrants = int(entrants.max(initial=-1)) + 1
    if anchor is not None and not 0 <= anchor < num_entrants:
        raise ArenaError(f"there is no entrant {anchor} to anchor the ratings at; there are {num_entrants}")
    means = AdjustedMeans(presence(tables, entrants, num_entrants), anchor)
    strengths = Strengths(means, entrants, dense=len(entrants) <= MAX_DENSE_PLAYERS)
    for env, table in enumerate(tables):
        strengths.add(env, table)
    rating = ELO_PER_LOG_ODDS * strengths.ratings()
    half = strengths.errors().half_width(level)
    if anchor is not None:
        half[anchor] = 0.0
    pairwise = _pairwise(strengths, level) if strengths.dense else None
    rank = np.empty(num_entrants, np.int64)
    rank[np.argsort(-rating, kind="stable")] = np.arange(1, num_entrants + 1)
    better = np.zeros((num_entrants, 0), np.bool_) if pairwise is None else pairwise.better
    return Ratings(
        rating=rating,
        low=rating - half,
        high=rating + half,
        num_players=strengths.num_players,
        rank=rank,
        # Pairs are compared where both played, ratings put everything on one line: the rank of the line is never excluded.
        rank_low=np.minimum(1 + better.T.sum(-1) if pairwise else 1, rank),
        rank_high=np.maximum(num_entrants - better.sum(-1), rank),
        player_rating=ELO_PER_LOG_ODDS * strengths.player_ratings(),
        pairwise=pairwise,
        seat_advantage=ELO_PER_LOG_ODDS * strengths.seat_advantages,
        level=level,
        anchor=anchor,
    )


def _pairwise(strengths: Strengths, level: float) -> Pairwise:
    difference, error = strengths.differences()
    difference = ELO_PER_LOG_ODDS * difference
    half = error.half_width(level)
    one_sided = error.tail(difference)  # p-value of the order that is seen
    p_value = holm(2 * one_sided)
    probability = np.where(difference > 0, 1 - one_sided, one_sided)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(error.total > 0, np.minimum(error.noise / error.total, 1.0), 1.0)
    better = (p_value < 1 - level) & (difference > 0)
    return Pairwise(difference, difference - half, difference + half, probability, p_value, better, share)


def holm(p_values: Array) -> Array:
    """Returns p-values adjusted for all pairs by Holm's step-down procedure (1979, jstor.org/stable/4615733).

    Args:
        p_values: `float64 [E, E]`, symmetric; the diagonal is ignored, NaN counts as 1.

    Returns:
        `float64 [E, E]`, symmetric, ones on the diagonal.
    """
    rows, columns = np.triu_indices(len(p_values), 1)
    values = np.nan_to_num(p_values[rows, columns], nan=1.0)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1.0)
    result = np.ones(p_values.shape)
    result[rows, columns] = result[columns, rows] = adjusted
    return result
