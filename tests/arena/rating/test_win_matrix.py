import dataclasses

import numpy as np
import pytest
from scipy import stats

from arena.rating.matches import Matches
from arena.rating.win_matrix import win_matrix
from arena.testing.simulated_tournament import draw_players


def circle(num_matches: int, share: float) -> Matches:
    """Rock, paper, scissors: each beats the next with the same share of points."""
    first = np.repeat([0, 1, 2], num_matches)
    wins = np.arange(num_matches) < share * num_matches
    return Matches(first, (first + 1) % 3, np.tile(wins.astype(np.float64), 3))


def test_shares_and_counts() -> None:
    matches = Matches(np.array([0, 1, 0, 2]), np.array([1, 0, 1, 3]), np.array([1.0, 0.5, 0.0, 1.0]))
    wins = win_matrix([matches], np.array([0, 1, 2, 3]))
    assert wins.share[0, 1] == wins.share[1, 0] == 0.5
    assert (wins.share[2, 3], wins.share[3, 2]) == (1.0, 0.0)
    assert wins.num_matches[:2, :2].tolist() == [[0, 3], [3, 0]]
    assert (wins.num_ties[0, 1], wins.num_ties[2, 3]) == (1, 0)
    assert np.isnan(wins.share[0, 2])
    assert np.isnan(wins.low[0, 2])
    assert wins.p_value[0, 2] == 1.0


def test_independent_matches_have_wilsons_interval() -> None:
    wins = win_matrix([circle(50, 0.7)], np.arange(3))
    expected = stats.binomtest(35, 50).proportion_ci(0.95, method="wilson")
    assert wins.low[0, 1] == pytest.approx(expected.low, abs=2e-3)
    assert wins.high[0, 1] == pytest.approx(expected.high, abs=2e-3)
    assert wins.high[1, 0] == pytest.approx(1 - wins.low[0, 1])


def test_seeds_that_differ_widen_the_interval() -> None:
    first = np.repeat([0, 1, 2, 3], 100)  # four seeds of entrant 0 against the one player of entrant 1
    even = Matches(first, np.full(400, 4), np.tile(np.arange(100) < 60, 4).astype(np.float64))
    apart = Matches(
        first, np.full(400, 4), (first < 2) * 1.0 * (np.arange(400) % 100 < 100) * (np.arange(400) % 10 < 9) + (first >= 2) * 0.0
    )
    entrants = np.array([0, 0, 0, 0, 1])
    narrow, wide = win_matrix([even], entrants), win_matrix([apart], entrants)
    assert narrow.high[0, 1] - narrow.low[0, 1] < 0.1
    assert wide.high[0, 1] - wide.low[0, 1] > 0.5


def test_repeated_starts_widen_the_interval() -> None:
    once = circle(50, 0.7)
    again = Matches(*(np.repeat(array, 4) for array in (once.first, once.second, once.points)), np.repeat(np.tile(np.arange(50), 3), 4))
    np.testing.assert_allclose(win_matrix([again], np.arange(3)).low, win_matrix([once], np.arange(3)).low, atol=0.01)


def test_matches_from_one_start_decide_nothing() -> None:
    clear = circle(100, 0.7)
    wins = win_matrix([dataclasses.replace(clear, start=np.zeros(300, np.int64))], np.arange(3))
    assert np.isnan(wins.low[0, 1])
    assert np.isnan(wins.high[0, 1])
    assert (wins.cycles, wins.apparent_cycles) == ([], [[0, 1, 2]])


def test_a_circle_is_found_once_it_is_decided() -> None:
    clear, faint = win_matrix([circle(100, 0.7)], np.arange(3)), win_matrix([circle(20, 0.6)], np.arange(3))
    assert clear.cycles == clear.apparent_cycles == [[0, 1, 2]]
    [found] = clear.circles
    assert (found.members, found.certainty) == ((0, 1, 2), 1 - max(clear.p_value[0, 1], clear.p_value[1, 2], clear.p_value[2, 0]))
    assert found.certainty > 0.95
    assert not faint.circles
    assert (faint.cycles, faint.apparent_cycles) == ([], [[0, 1, 2]])


def test_strengths_on_a_line_hardly_ever_make_a_circle() -> None:
    rng, apparent, decided = np.random.default_rng(0), 0, 0
    for _ in range(60):
        world = draw_players(rng.normal(0, 0.3, 6), 1, 0.0, rng)
        wins = win_matrix([world.games(10, rng)], world.entrants)
        apparent, decided = apparent + bool(wins.apparent_cycles), decided + bool(wins.cycles)
    assert apparent > 10  # nearly equal players look like a circle often
    assert decided <= 3  # 5 % of 60
