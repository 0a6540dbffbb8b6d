import numpy as np
import pytest
from scipy import stats

from arena.rating.adjusted_means import AdjustedMeans
from arena.rating.bradley_terry import ELO_PER_LOG_ODDS, fit
from arena.rating.matches import Matches, presence
from arena.rating.strengths import Strengths
from arena.testing.simulated_tournament import SimulatedPlayers, draw_players


def draw(num_seeds: int, num_games: int) -> tuple[SimulatedPlayers, Matches]:
    rng = np.random.default_rng(0)
    players = draw_players(np.array([0.0, 0.7, 1.5]), num_seeds, 0.6, rng)
    return players, players.games(num_games, rng)


def strengths_of(tables: list[Matches], entrants: np.ndarray, **options) -> Strengths:
    strengths = Strengths(AdjustedMeans(presence(tables, entrants, 3)), entrants, **options)
    for env, table in enumerate(tables):
        strengths.add(env, table)
    return strengths


def test_a_strength_is_the_mean_over_the_players_of_an_entrant():
    players, games = draw(3, 5)
    found, fitted = strengths_of([games], players.entrants), fit(games, 9).strengths
    assert found.strength[0] == pytest.approx(fitted.reshape(3, 3).mean(1))
    assert found.num_players.tolist() == [3, 3, 3]
    assert found.player_ratings() == pytest.approx(fitted - fitted.mean(), abs=1e-9)


def test_players_without_matches_and_environments_without_any_count_for_nothing():
    players, games = draw(2, 5)
    nothing = Matches(*np.empty((2, 0), np.int64), np.empty(0))
    entrants = np.append(players.entrants, 1)
    found = strengths_of([games, nothing], entrants)
    assert found.num_players.tolist() == [2, 2, 2]
    assert np.isnan(found.player_ratings()[-1])
    difference, _ = found.differences()
    alone, _ = strengths_of([games], players.entrants).differences()
    assert difference == pytest.approx(alone)


def test_with_many_matches_a_difference_has_welchs_interval_over_seeds():
    players, games = draw(4, 300)
    difference, uncertainty = strengths_of([games], players.entrants).differences()
    by_entrant = fit(games, 12).strengths.reshape(3, 4)
    oracle = stats.ttest_ind(by_entrant[2], by_entrant[0], equal_var=False)
    interval = oracle.confidence_interval(0.95)
    assert difference[2, 0] == pytest.approx(by_entrant[2].mean() - by_entrant[0].mean())
    assert uncertainty.half_width(0.95)[2, 0] == pytest.approx(ELO_PER_LOG_ODDS * (interval.high - interval.low) / 2, rel=0.02)


def test_the_same_environment_twice_halves_the_variance_of_a_difference():
    players, games = draw(3, 20)
    once, twice = (strengths_of([games] * count, players.entrants).differences()[1] for count in (1, 2))
    assert twice.variance == pytest.approx(once.variance / 2)
    assert twice.noise == pytest.approx(once.noise / 2)
    off_diagonal = ~np.eye(3, dtype=bool)
    assert twice.degrees[off_diagonal] == pytest.approx(2 * once.degrees[off_diagonal])


def test_without_covariances_the_uncertainty_of_ratings_is_nearly_the_same():
    rng = np.random.default_rng(1)
    players = draw_players(rng.normal(0.0, 1.0, 3), 20, 0.5, rng)
    games = players.games(4, rng)
    dense, sparse = (strengths_of([games], players.entrants, max_dense_players=most) for most in (100, 10))
    assert (dense.dense, sparse.dense) == (True, False)
    assert sparse.ratings() == pytest.approx(dense.ratings(), abs=1e-5)
    own = sparse.rating_uncertainty().half_width(0.95)
    assert (own > 0.9 * dense.rating_uncertainty().half_width(0.95)).all(), "longer, if anything: it leaves out what the others share"
