"""The Bradley-Terry fit against two published implementations, choix and evalica."""

import choix
import evalica
import numpy as np
import pytest

from arena.rating.bradley_terry import PRIOR_STD, fit
from arena.rating.matches import Matches
from arena.testing.simulated_tournament import SimulatedPlayers

pytestmark = pytest.mark.extra
NO_PRIOR = 1e4


def played(num_players=12, num_matches=2_000, **model) -> Matches:
    rng = np.random.default_rng(0)
    strengths = rng.normal(0, 1, num_players)
    first = rng.integers(0, num_players, num_matches)
    second = (first + rng.integers(1, num_players, num_matches)) % num_players
    points = SimulatedPlayers(strengths, strengths, np.arange(num_players), **model).play(first, second, rng)
    return Matches(first, second, points, seated="seat_advantage" in model)


def winners(matches: Matches) -> list[evalica.Winner]:
    names = {1.0: evalica.Winner.X, 0.5: evalica.Winner.Draw, 0.0: evalica.Winner.Y}
    return [names[points] for points in matches.points.tolist()]


def test_agrees_with_choix_on_the_penalised_estimate() -> None:
    matches = played(num_matches=300)
    wins = [(a, b) if p == 1 else (b, a) for a, b, p in zip(matches.first, matches.second, matches.points, strict=True)]
    expected = choix.opt_pairwise(12, wins, alpha=0.5 / PRIOR_STD**2, tol=1e-12)
    np.testing.assert_allclose(fit(matches, 12).strengths, expected - expected.mean(), atol=1e-6)


def test_agrees_with_evalica_without_ties() -> None:
    matches = played()
    result = evalica.bradley_terry(matches.first.tolist(), matches.second.tolist(), winners(matches), tolerance=1e-12, limit=10_000)
    expected = np.log(result.scores.sort_index().to_numpy())
    np.testing.assert_allclose(fit(matches, 12, prior_std=NO_PRIOR).strengths, expected - expected.mean(), atol=1e-5)


def test_agrees_with_evalica_on_ties() -> None:
    matches = played(tie_ratio=0.7)
    # Newman (2023, jmlr.org/papers/v24/22-1086.html) writes Davidson's model with v = nu / 2.
    result = evalica.newman(matches.first.tolist(), matches.second.tolist(), winners(matches), tolerance=1e-12, limit=10_000)
    expected = np.log(result.scores.sort_index().to_numpy())
    fitted = fit(matches, 12, prior_std=NO_PRIOR)
    np.testing.assert_allclose(fitted.strengths, expected - expected.mean(), atol=1e-5)
    assert np.exp(fitted.log_tie_ratio) == pytest.approx(2 * result.v, rel=1e-5)
