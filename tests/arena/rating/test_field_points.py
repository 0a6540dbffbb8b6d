import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from arena.errors import ArenaError
from arena.rating.bradley_terry import ELO_PER_LOG_ODDS
from arena.rating.field_points import field_points
from arena.rating.matches import Matches
from arena.rating.pair_cells import pair_cells
from arena.rating.predicted_cells import completed, entrant_strengths
from arena.testing.simulated_points import SeedShape


def shape(num_entrants: int, *, top=1.2, failure_rate=0.0, ceiling=False) -> SeedShape:
    return SeedShape(np.linspace(0, top, num_entrants), np.full(num_entrants, 0.4), np.full(num_entrants, failure_rate), ceiling)


def played(seed: int, num_seeds: int, *, num_starts=10, num_entrants=4, **options) -> tuple[Matches, np.ndarray]:
    rng, of = np.random.default_rng(seed), shape(num_entrants, **options)
    return of.play(of.draw(num_seeds, rng), num_starts, rng)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(2, 6), st.booleans(), st.integers(1, 3))
def test_the_rank_is_the_order_of_row_means(seed: int, num_seeds: int, num_entrants: int, ceiling: bool, num_envs: int) -> None:
    tables = [played(seed + env, num_seeds, num_entrants=num_entrants, num_starts=2, ceiling=ceiling)[0] for env in range(num_envs)]
    entrants = np.repeat(np.arange(num_entrants), num_seeds)
    found = field_points(tables, entrants)
    # By hand: the mean over environments, pairs of players and starts; no code of the arena's.
    share = np.zeros((num_entrants, num_entrants))
    for table in tables:
        for one, other, points in zip(entrants[table.first], entrants[table.second], table.points, strict=True):
            share[one, other] += points / num_envs / num_seeds**2 / 2
            share[other, one] += (1 - points) / num_envs / num_seeds**2 / 2
    means = share.sum(1) / (num_entrants - 1)
    np.testing.assert_allclose(found.points, means, atol=1e-12)
    np.testing.assert_allclose(np.nanmean(found.matrix, 1), means, atol=1e-12)
    assert found.rank.tolist() == [1 + int((means > mean + 1e-9).sum()) for mean in means]
    assert not found.predicted.any()
    assert ((found.rank_low <= found.rank) & (found.rank <= found.rank_high)).all()
    np.testing.assert_allclose(found.points.mean(), 0.5)
    above = found.rating > 0
    assert (above == (means > 0.5)).all() or np.isclose(means, 0.5).any()


def test_a_seed_that_falls_short_of_a_ceiling_costs_its_share_and_no_more() -> None:
    """One of five seeds of A loses to everybody; all else ties. A mean of log-odds would put it at the bottom of the Elo scale."""
    entrants = np.repeat(np.arange(3), 5)
    first, second = (np.repeat(side, 20) for side in np.triu_indices(15, 1))
    foreign = entrants[first] != entrants[second]
    first, second = first[foreign], second[foreign]
    points = np.where(first == 0, 0.0, 0.5)
    found = field_points([Matches(first, second, points, np.tile(np.arange(20), len(first) // 20))], entrants)
    assert found.points.tolist() == pytest.approx([0.4, 0.55, 0.55])
    assert found.rank.tolist() == [3, 1, 1]
    assert found.rating[0] == pytest.approx(ELO_PER_LOG_ODDS * np.log(1.3 / 1.7))


def test_every_environment_and_every_pair_of_players_counts_alike() -> None:
    first, second = np.array([0, 0, 0, 0, 1]), np.array([2, 2, 2, 2, 2])
    much = Matches(first, second, np.array([1.0, 1.0, 1.0, 1.0, 0.0]))  # 4 matches of player 0, one of player 1
    little = Matches(np.array([0]), np.array([2]), np.array([0.0]))
    entrants = np.array([0, 0, 1])
    assert pair_cells([much], entrants).share[0, 1] == 0.5
    assert pair_cells([much, little], entrants).share[0, 1] == 0.25


def test_a_model_of_entrants_has_the_row_means_of_a_balanced_round_robin() -> None:
    table, entrants = played(3, 3, num_starts=40, num_entrants=6)
    cells = pair_cells([table], entrants)
    strengths, _ = entrant_strengths(cells.share, cells.num_matches * 10**6)  # so many that the added tie is nothing
    predicted = expit(np.subtract.outer(strengths, strengths))
    np.testing.assert_allclose((predicted.sum(1) - 0.5) / 5, field_points([table], entrants).points, atol=1e-6)


@pytest.mark.parametrize("counts", [{1: 400}, {1: 400, 2: 10, 3: 10, 4: 10}])
def test_unequal_schedules_are_predicted_and_hold_the_truth(counts: dict[int, int]) -> None:
    """Neighbours meet often and others never or rarely, as in an adaptive schedule."""
    rng, strengths, held = np.random.default_rng(0), np.array([0.0, 0.5, 1.0, 1.5, 2.0]), []
    truth = (expit(np.subtract.outer(strengths, strengths)).sum(1) - 0.5) / 4
    pairs = [(i, j, count) for gap, count in counts.items() for i, j in zip(range(5 - gap), range(gap, 5), strict=True)]
    first, second = (np.repeat([pair[side] for pair in pairs], [pair[2] for pair in pairs]) for side in (0, 1))
    for _ in range(100):
        points = (rng.random(len(first)) < expit(strengths[first] - strengths[second])).astype(float)
        found = field_points([Matches(first, second, points)], np.arange(5))
        held.append(((found.low <= truth) & (truth <= found.high)).mean())
    assert 0.92 < np.mean(held) < 0.98
    assert found.rank.tolist() == [5, 4, 3, 2, 1]
    assert found.predicted[0, 4]
    assert found.predicted[0, 1] == (len(counts) > 1)
    np.testing.assert_allclose(np.nanmean(found.matrix, 1), found.points)


def test_predictions_change_as_their_derivative_says() -> None:
    table, entrants = played(5, 1, num_entrants=5, num_starts=50)
    cells = pair_cells([table], entrants)
    counts = cells.num_matches.copy()
    counts[[0, 4], [4, 0]] = 0
    _, _, dependence = completed(cells.share, counts, even=False)
    moved = cells.share.copy()
    moved[1, 2] += 1e-6
    moved[2, 1] -= 1e-6
    change = completed(moved, counts, even=False)[0].sum(1) - completed(cells.share, counts, even=False)[0].sum(1)
    assert dependence is not None
    np.testing.assert_allclose(change / 4e-6, counts[1, 2] * (dependence[:, 1] - dependence[:, 2]), atol=1e-6)


def test_agreement_is_never_taken_for_certainty() -> None:
    table, entrants = played(0, 5)
    tied = field_points([dataclasses.replace(table, points=np.full(len(table.points), 0.5))], entrants)
    assert (tied.high - tied.low > 0.1).all()
    assert tied.rank.tolist() == tied.rank_low.tolist() == [1, 1, 1, 1]
    one_start = field_points([dataclasses.replace(table, start=np.zeros(len(table.first), np.int64))], entrants)
    assert np.isnan(one_start.low).all()
    assert not one_start.better.any()
    assert np.isfinite(one_start.rating).all()


def test_entrants_without_matches_have_no_points() -> None:
    table, entrants = played(1, 2)
    found = field_points([table], np.append(entrants, 5))
    assert np.isnan(found.points[4:]).all()
    assert (found.rank[5], found.rank_low[5], found.rank_high[5]) == (5, 1, 6)
    np.testing.assert_allclose(found.points[:4], field_points([table], entrants).points)
    assert np.isnan(field_points([], np.array([0, 1])).points).all()


def test_what_makes_no_sense_is_refused() -> None:
    table, entrants = played(1, 2)
    with pytest.raises(ArenaError, match="between 0 and 1"):
        field_points([table], entrants, level=95)
    with pytest.raises(ArenaError, match="only 3 players have an entrant"):
        field_points([table], entrants[:3])


def random_and_others(num_starts: int, rng: np.random.Generator, num_seeds: int) -> tuple[Matches, np.ndarray]:
    """Plays four entrants at a ceiling and one that never wins, as the random player does."""
    of = SeedShape(np.array([0.0, 0.4, 0.8, 1.2, -30.0]), np.full(5, 0.4), np.array([0.2, 0.2, 0.0, 0.0, 0.0]), True)
    return of.play(of.draw(num_seeds, np.random.default_rng(int(rng.integers(10**6)))), num_starts, rng)


@pytest.mark.parametrize("num_seeds", [1, 5])
def test_more_episodes_leave_ratings_within_their_intervals(num_seeds: int) -> None:
    """The same players on 10, 20 and 200 episodes, a player who never wins among them: the zero of the scale must not move."""
    held, fields = [], 30
    for field in range(fields):
        ratings = []
        for num_starts in (10, 20, 200):
            rng = np.random.default_rng(field)  # the same players each time
            table, entrants = random_and_others(num_starts, rng, num_seeds)
            ratings.append(field_points([table], entrants))
        few, some, many = ratings
        held += [((one.rating_low <= many.rating) & (many.rating <= one.rating_high)).mean() for one in (few, some)]
    assert np.mean(held) >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("failure_rate", [0.0, 0.2])
@pytest.mark.parametrize("ceiling", [False, True])
def test_intervals_hold_the_truth_and_equal_entrants_are_not_ordered(failure_rate: float, ceiling: bool) -> None:
    """A small run of `scripts/benchmark.py field-points`: at least 0.92, and 5 % false claims and three standard errors."""
    rng, held, wrong, num_tournaments = np.random.default_rng(1), [], 0, 150
    of, equal = (shape(8, top=top, failure_rate=failure_rate, ceiling=ceiling) for top in (1.2, 0.0))
    _, truth = of.true_points(np.random.default_rng(99))
    for _ in range(num_tournaments):
        found = field_points(*_tables(of, rng))
        held.append(((found.low <= truth) & (truth <= found.high)).mean())
        wrong += bool(field_points(*_tables(equal, rng)).better.any())
    assert np.mean(held) >= 0.92
    assert wrong <= 0.05 * num_tournaments + 3 * np.sqrt(0.05 * 0.95 * num_tournaments)


def _tables(of: SeedShape, rng: np.random.Generator) -> tuple[list[Matches], np.ndarray]:
    table, entrants = of.play(of.draw(5, rng), 20, rng)
    return [table], entrants
