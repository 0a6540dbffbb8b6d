import dataclasses

import numpy as np
import pytest
from scipy import stats

from arena.errors import ArenaError
from arena.rating.adjusted_means import AdjustedMeans
from arena.rating.bradley_terry import ELO_PER_LOG_ODDS, fit
from arena.rating.matches import Matches
from arena.rating.ratings import rate
from arena.testing.simulated_tournament import SimulatedPlayers, draw_players, play_on_several

NO_MATCHES = Matches(*np.empty((2, 0), np.int64), np.empty(0))


def tournament(num_seeds: int, *, num_entrants=4, spread=0.4, num_games=2, seed=3) -> tuple[SimulatedPlayers, Matches]:
    rng = np.random.default_rng(seed)
    world = draw_players(np.linspace(0, 2, num_entrants), num_seeds, spread, rng, seat_advantage=0.3, tie_ratio=0.5)
    return world, world.games(num_games, rng)


def test_an_entrants_rating_is_the_mean_over_its_seeds() -> None:
    world, games = tournament(3)
    strengths = ELO_PER_LOG_ODDS * fit(games, 12).strengths
    ratings = rate([games], world.entrants)
    np.testing.assert_allclose(ratings.rating, strengths.reshape(4, 3).mean(-1), atol=1e-6)
    np.testing.assert_allclose(ratings.player_rating, strengths, atol=1e-6)
    assert ratings.rating.mean() == pytest.approx(0.0, abs=1e-6)
    assert ratings.num_players.tolist() == [3, 3, 3, 3]
    assert ratings.seat_advantage[0] == pytest.approx(0.3 * ELO_PER_LOG_ODDS, abs=50)
    assert ratings.seat_advantage[0] == pytest.approx(ELO_PER_LOG_ODDS * fit(games, 12).seat_advantage)


def test_the_anchor_is_at_zero() -> None:
    world, games = tournament(3)
    free, anchored = rate([games], world.entrants), rate([games], world.entrants, anchor=1)
    np.testing.assert_allclose(anchored.rating, free.rating - free.rating[1], atol=1e-6)
    assert (anchored.low[1], anchored.high[1]) == (0.0, 0.0)
    others = [0, 2, 3]
    np.testing.assert_allclose(anchored.low[others], anchored.pairwise.low[others, 1], atol=1e-6)


def test_seeds_that_differ_widen_the_interval_as_a_t_interval_does() -> None:
    world, games = tournament(5, num_games=200, spread=0.5, num_entrants=2)
    ratings = rate([games], world.entrants)
    strengths = ELO_PER_LOG_ODDS * fit(games, 10).strengths
    # With this many games match noise is nothing beside the seeds, and Welch's interval (scipy) is what remains.
    expected = stats.ttest_ind(strengths[5:], strengths[:5], equal_var=False).confidence_interval(0.95)
    assert ratings.pairwise.low[1, 0] == pytest.approx(expected.low, rel=0.02)
    assert ratings.pairwise.high[1, 0] == pytest.approx(expected.high, rel=0.02)
    assert ratings.pairwise.match_noise[1, 0] < 0.1


def test_one_seed_leaves_match_noise_alone() -> None:
    world, games = tournament(1, num_games=50)
    covariance = fit(games, 4).covariance
    expected = 1.96 * ELO_PER_LOG_ODDS * np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    pairwise = rate([games], world.entrants).pairwise
    assert (pairwise.high - pairwise.low)[0, 1] / 2 == pytest.approx(expected, rel=1e-3)
    assert pairwise.match_noise[0, 1] == 1.0


def test_two_environments_are_averaged() -> None:
    world, games = tournament(3)
    again = tournament(3, seed=4)[1]
    single = [rate([table], world.entrants, anchor=0) for table in (games, again)]
    both = rate([games, again], world.entrants, anchor=0)
    np.testing.assert_allclose(both.rating, (single[0].rating + single[1].rating) / 2, atol=1e-6)
    assert ((both.high - both.low)[1:] < np.maximum(*(one.high - one.low for one in single))[1:]).all()
    twice = rate([games, games], world.entrants, anchor=0)
    np.testing.assert_allclose(twice.rating, single[0].rating, atol=1e-6)


def test_policies_of_their_own_in_each_environment_form_one_entrant() -> None:
    world, games = tournament(3)
    shifted = dataclasses.replace(games, first=games.first + 12, second=games.second + 12)
    both = rate([games, shifted], np.tile(world.entrants, 2))
    np.testing.assert_allclose(both.rating, rate([games], world.entrants).rating, atol=1e-6)
    assert both.num_players.tolist() == [6, 6, 6, 6]


def only_among(games: Matches, entrants: np.ndarray, chosen: list[int]) -> Matches:
    keep = np.isin(entrants[games.first], chosen) & np.isin(entrants[games.second], chosen)
    return dataclasses.replace(games, first=games.first[keep], second=games.second[keep], points=games.points[keep])


def test_pairs_are_compared_where_both_played() -> None:
    world, games = tournament(3)
    other = only_among(tournament(3, seed=4)[1], world.entrants, [0, 1, 2])
    first, both = rate([games], world.entrants, anchor=0).pairwise, rate([games, other], world.entrants, anchor=0).pairwise
    for field in ("difference", "low", "high", "probability_better", "match_noise"):
        np.testing.assert_allclose(getattr(both, field)[3, :3], getattr(first, field)[3, :3], rtol=1e-9, err_msg=field)
    assert abs(both.difference[1, 2] - first.difference[1, 2]) > 10


def test_an_anchor_that_plays_more_than_the_others_changes_nothing() -> None:
    """Entrants 1 and 2 play the first environment alone, and 0 and 3 the other as well: the noise there is none of theirs."""
    world, games = tournament(1, num_games=20)
    other = only_among(tournament(1, seed=4, num_games=1)[1], world.entrants, [0, 3])
    first, both = rate([games], world.entrants, anchor=0), rate([games, other], world.entrants, anchor=0)
    assert both.pairwise.low[1:3, 0] == pytest.approx(first.low[1:3])
    assert both.pairwise.high[1:3, 0] == pytest.approx(first.high[1:3])
    # With nobody but 3 there, how much higher all stand in the second environment shows in 3 alone, whose rating is its plain mean.
    second = rate([other], world.entrants, anchor=0)
    assert both.rating[3] == pytest.approx((first.rating[3] + second.rating[3]) / 2)
    width = np.hypot(*(np.float64((one.high - one.low)[3]) for one in (first, second))) / 2
    assert (both.high - both.low)[3] == pytest.approx(width)
    assert both.rating[1] - both.rating[3] == pytest.approx(first.rating[1] - first.rating[3])


def test_entrants_without_a_common_environment_are_not_ordered() -> None:
    world, games = tournament(1, num_games=50)
    tables = [only_among(games, world.entrants, chosen) for chosen in ([0, 1], [0, 3])]
    ratings = rate(tables, world.entrants, anchor=0)
    assert np.isnan(ratings.pairwise.difference[1, 3])
    assert not ratings.pairwise.better[[1, 3], [3, 1]].any()
    assert ratings.pairwise.better[3, 0]
    assert (ratings.rank[3], ratings.rank_low[3], ratings.rank_high[3]) == (1, 1, 3)
    assert np.isfinite(ratings.rating[[0, 1, 3]]).all()


def test_the_rank_by_rating_is_never_excluded() -> None:
    """2 beats 1 where both play, but stands no higher above the others where it stands to them alone."""
    rng = np.random.default_rng(0)
    present = np.array([[True, True, True, True], [True, True, False, True]])
    for _ in range(20):
        tables, entrants, _ = play_on_several(present, 1, 0.0, 100, rng)
        ratings = rate(tables, entrants, anchor=0)
        assert ((ratings.rank_low <= ratings.rank) & (ratings.rank <= ratings.rank_high)).all()


def test_one_start_supports_no_interval() -> None:
    world, games = tournament(3)
    alike = dataclasses.replace(games, start=np.zeros(len(games.first), np.int64))
    ratings = rate([alike], world.entrants, anchor=0)
    assert np.isnan(ratings.low[1:]).all()
    assert np.isnan(ratings.high[1:]).all()
    assert not ratings.pairwise.better.any()
    assert (ratings.rank_low.tolist(), ratings.rank_high.tolist()) == ([1] * 4, [4] * 4)
    np.testing.assert_allclose(ratings.rating, rate([games], world.entrants, anchor=0).rating)
    other = only_among(games, world.entrants, [0, 1, 2])  # 3 plays the first environment alone
    pairwise = rate([games, dataclasses.replace(other, start=np.zeros(len(other.first), np.int64))], world.entrants).pairwise
    assert np.isnan(pairwise.low[1, 2])
    assert pairwise.low[3, 1] == pytest.approx(rate([games], world.entrants).pairwise.low[3, 1])


def test_clear_strengths_are_ranked_and_decided() -> None:
    world, games = tournament(5, spread=0.05, num_games=20)
    ratings = rate([games], world.entrants)
    assert ratings.rank.tolist() == ratings.rank_low.tolist() == ratings.rank_high.tolist() == [4, 3, 2, 1]
    assert (ratings.pairwise.better == (np.subtract.outer(world.true_strength, world.true_strength) > 0)).all()
    assert ratings.pairwise.probability_better[3, 0] > 0.999


def test_equal_players_share_all_ranks() -> None:
    world, games = tournament(3, num_games=1)
    points = np.full(len(games.points), 0.5)
    ratings = rate([dataclasses.replace(games, points=points)], world.entrants)
    assert (ratings.rank_low.tolist(), ratings.rank_high.tolist()) == ([1] * 4, [4] * 4)
    np.testing.assert_allclose(ratings.pairwise.probability_better, 0.5, atol=1e-6)
    assert (ratings.high - ratings.low > 100).all()  # the seeds agree perfectly, and yet there is match noise


def test_entrants_without_matches_have_no_rating() -> None:
    ratings = rate([NO_MATCHES], np.array([0, 1]))
    assert np.isnan(ratings.rating).all()
    assert ratings.rank_high.tolist() == [2, 2]
    world, games = tournament(1)
    ratings = rate([games], np.append(world.entrants, 4))
    assert np.isnan(ratings.rating[4])
    assert (ratings.rank[4], ratings.rank_low[4], ratings.rank_high[4]) == (5, 1, 5)
    np.testing.assert_allclose(ratings.rating[:4], rate([games], world.entrants).rating, atol=1e-6)


@pytest.mark.parametrize("anchor", [None, 0])
def test_many_players_get_intervals_without_pairs(anchor) -> None:
    rng = np.random.default_rng(0)
    strengths = rng.normal(0, 1, 60)
    world = SimulatedPlayers(strengths, strengths, np.arange(60))
    games, fewer = world.games(5, rng), world.games(5, rng, np.arange(60) < 50)
    few = rate([games, fewer], world.entrants, anchor=anchor)
    many = rate([games, fewer], world.entrants, anchor=anchor, max_dense_players=10)
    assert many.pairwise is None
    np.testing.assert_allclose(many.rating, few.rating, atol=1e-4)
    np.testing.assert_allclose(many.high - many.low, few.high - few.low, rtol=0.03)


def test_what_makes_no_sense_is_refused() -> None:
    world, games = tournament(1)
    for options, match in (({"level": 95}, "between 0 and 1"), ({"anchor": 4}, "at entrant 4: the 4 entrants")):
        with pytest.raises(ArenaError, match=match):
            rate([games], world.entrants, **options)
    with pytest.raises(ArenaError, match="only 2 players have an entrant"):
        rate([games], world.entrants[:2])


NUM_TOURNAMENTS = 500
"""The standard error of the share of intervals that hold the truth is then 0.3 to 0.6 %: enough to tell intervals a fifth too wide."""


def is_held(held: list[float]) -> bool:
    """Returns whether the mean of each tournament's share of intervals that hold the truth is 93 to 97 %, on the safe side of chance."""
    return bool(0.9325 < np.mean(held) < 0.9675)


def check_coverage(intervals: list[tuple[np.ndarray, ...]]) -> None:
    """Takes truths, values and bounds of each tournament; plants intervals that are too narrow and too wide to see that they are found."""

    def held(scale: float) -> list[float]:
        return [
            float(np.mean((value - scale * (value - low) <= truth) & (truth <= value + scale * (high - value))))
            for truth, value, low, high in intervals
        ]

    assert is_held(held(1.0)), np.mean(held(1.0))
    assert not is_held(held(0.8))
    assert not is_held(held(1.2))


@pytest.mark.slow
@pytest.mark.parametrize(("num_seeds", "num_games"), [(1, 10), (3, 2), (5, 1)])
def test_intervals_hold_the_truth_at_their_level(num_seeds, num_games) -> None:
    """A small run of `scripts/benchmark.py ratings coverage`. Intervals a fifth too narrow or too wide must be found out."""
    rng, intervals = np.random.default_rng(1), []
    for _ in range(NUM_TOURNAMENTS):
        world = draw_players(rng.normal(0, 1, 6), num_seeds, 0.4, rng, seat_advantage=0.3, tie_ratio=0.5)
        ratings = rate([world.games(num_games, rng)], world.entrants)
        truth = ELO_PER_LOG_ODDS * (world.true_strength - world.true_strength.mean())
        intervals.append((truth, ratings.rating, ratings.low, ratings.high))
    check_coverage(intervals)


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [1, 5])
def test_intervals_hold_the_truth_where_some_play_only_one_of_two_environments(num_seeds) -> None:
    present = np.array([[True] * 6, [True] * 4 + [False] * 2])
    rng, of_ratings, of_pairs, upper = np.random.default_rng(1), [], [], np.triu_indices(6, 1)
    both = present.astype(int).T @ present
    for _ in range(NUM_TOURNAMENTS):
        tables, entrants, strengths = play_on_several(present, num_seeds, 0.4 * (num_seeds > 1), 10 // num_seeds, rng)
        ratings = rate(tables, entrants, anchor=0)
        truth = ELO_PER_LOG_ODDS * AdjustedMeans(present, 0).ratings(strengths)
        of_ratings.append(tuple(part[1:] for part in (truth, ratings.rating, ratings.low, ratings.high)))
        shared = np.where(present, strengths, 0.0).T @ present
        pairs = ratings.pairwise
        of_pairs.append(
            tuple(part[upper] for part in (ELO_PER_LOG_ODDS * (shared - shared.T) / both, pairs.difference, pairs.low, pairs.high))
        )
    check_coverage(of_ratings)
    check_coverage(of_pairs)
