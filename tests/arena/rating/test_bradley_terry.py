import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit

from arena.errors import ArenaError
from arena.rating.bradley_terry import ELO_PER_LOG_ODDS, PRIOR_STD, fit
from arena.rating.matches import Matches
from arena.testing.simulated_tournament import SimulatedPlayers

NO_PRIOR = 1e4


def played(num_players=12, num_matches=2_000, **model) -> Matches:
    rng = np.random.default_rng(0)
    strengths = rng.normal(0, 1, num_players)
    first = rng.integers(0, num_players, num_matches)
    second = (first + rng.integers(1, num_players, num_matches)) % num_players
    points = SimulatedPlayers(strengths, strengths, np.arange(num_players), **model).play(first, second, rng)
    return Matches(first, second, points, seated="seat_advantage" in model)


def two_players(wins: int, ties: int, losses: int, **options) -> Matches:
    count = wins + ties + losses
    points = np.repeat([1.0, 0.5, 0.0], [wins, ties, losses])
    return Matches(np.zeros(count, np.int64), np.ones(count, np.int64), points, **options)


def test_two_players_in_closed_form() -> None:
    fitted = fit(two_players(30, 0, 10), 2, prior_std=NO_PRIOR)
    assert fitted.strengths[0] - fitted.strengths[1] == pytest.approx(logit(0.75), rel=1e-6)
    fitted = fit(two_players(30, 20, 10), 2, prior_std=NO_PRIOR)  # Davidson: wins, ties and losses as exp(d / 2) : nu : exp(-d / 2)
    assert fitted.strengths[0] - fitted.strengths[1] == pytest.approx(np.log(30 / 10), rel=1e-6)
    assert np.exp(fitted.log_tie_ratio) == pytest.approx(20 / np.sqrt(30 * 10), rel=1e-6)


def test_the_seat_in_closed_form() -> None:
    first = np.repeat([0, 1], 40)
    points = np.repeat([1.0, 0.0, 1.0, 0.0], [32, 8, 20, 20])
    fitted = fit(Matches(first, 1 - first, points, seated=True), 2, prior_std=NO_PRIOR)
    assert fitted.seat_advantage == pytest.approx((logit(0.8) + logit(0.5)) / 2, rel=1e-6)
    assert fitted.strengths[0] - fitted.strengths[1] == pytest.approx((logit(0.8) - logit(0.5)) / 2, rel=1e-6)


def test_a_player_who_always_wins_stays_finite() -> None:
    fitted = fit(two_players(100, 0, 0), 2)
    difference = fitted.strengths[0] - fitted.strengths[1]
    assert 4 < difference < 8


@pytest.mark.parametrize("results", [(0, 50, 0), (0, 0, 0)])
def test_players_who_only_tie_or_never_meet_are_equal(results) -> None:
    np.testing.assert_allclose(fit(two_players(*results), 2).strengths, 0.0, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_matches_leaves_no_trace(seed) -> None:
    matches = MATCHES
    order = np.random.default_rng(seed).permutation(len(matches.first))
    shuffled = Matches(matches.first[order], matches.second[order], matches.points[order], seated=True)
    np.testing.assert_array_equal(fit(shuffled, 5).strengths, FITTED.strengths)


MATCHES = played(5, 60, seat_advantage=0.3, tie_ratio=0.5)
FITTED = fit(MATCHES, 5)


def test_names_and_sides_leave_no_trace() -> None:
    matches = played(tie_ratio=0.5)
    names = np.random.default_rng(0).permutation(12)
    renamed = Matches(names[matches.second], names[matches.first], 1 - matches.points)
    np.testing.assert_allclose(fit(renamed, 12).strengths[names], fit(matches, 12).strengths, atol=1e-9)


def test_many_players_are_fitted_as_few_are() -> None:
    matches = played(100, 20_000, seat_advantage=0.3, tie_ratio=0.5)
    dense = fit(matches, 100)
    sparse = fit(matches, 100, max_dense_players=10)
    np.testing.assert_allclose(sparse.strengths, dense.strengths, atol=1e-7)


def test_an_unknown_player_is_refused() -> None:
    with pytest.raises(ArenaError, match="names player 1, but there are 1"):
        fit(two_players(1, 0, 0), 1)


def test_the_prior_is_what_its_comment_says() -> None:
    fitted = fit(two_players(100, 0, 0), 2)
    assert ELO_PER_LOG_ODDS * (fitted.strengths[0] - fitted.strengths[1]) == pytest.approx(1_000, abs=60)
    assert round(PRIOR_STD * ELO_PER_LOG_ODDS) == 521
