import numpy as np
import pytest

from arena.testing.simulated_tournament import SimulatedPlayers, draw_players


def test_results_follow_the_model():
    players = SimulatedPlayers(np.zeros(2), np.array([1.0, 0.0]), np.arange(2), seat_advantage=0.5, tie_ratio=0.4)
    points = players.play(np.zeros(40_000, int), np.ones(40_000, int), np.random.default_rng(0))
    win, loss = np.exp(0.75), np.exp(-0.75)
    shares = [(points == value).mean() for value in (1.0, 0.5, 0.0)]
    assert shares == pytest.approx(np.array([win, 0.4, loss]) / (win + 0.4 + loss), abs=0.01)  # standard error 0.0024


def test_players_of_one_entrant_never_meet_and_all_others_do_from_both_seats():
    players = draw_players(np.array([0.0, 1.0]), 2, 0.0, np.random.default_rng(0))
    assert players.entrants.tolist() == [0, 0, 1, 1]
    games = players.games(3, np.random.default_rng(0))
    pairs, counts = np.unique(np.stack([games.first, games.second]), axis=1, return_counts=True)
    assert set(map(tuple, pairs.T.tolist())) == {(i, j) for i in (0, 1) for j in (2, 3)} | {(j, i) for i in (0, 1) for j in (2, 3)}
    assert set(counts) == {3}
    assert games.seated
