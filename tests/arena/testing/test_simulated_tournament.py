import numpy as np
import pytest

from arena.testing.simulated_tournament import SimulatedPlayers, draw_players, play_on_several


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


def test_duels_on_one_start_order_all_players():
    players = draw_players(np.zeros(4), 1, 0.0, np.random.default_rng(0))
    duels = players.duel(50, np.random.default_rng(1))
    assert duels.start is not None
    for start in range(50):
        here = duels.start == start
        wins = np.bincount(np.where(duels.points[here] == 1.0, duels.first[here], duels.second[here]), minlength=4)
        assert sorted(wins) == [0, 1, 2, 3], "one performance counts against every opponent, so there is no cycle"


def test_only_those_who_are_present_play_and_the_first_entrant_has_one_player():
    present = np.array([[True, True, False], [True, False, True]])
    tables, entrants, truth = play_on_several(present, 2, 0.1, 1, np.random.default_rng(0))
    assert entrants.tolist() == [0, 0, 1, 1, 2, 2]
    assert [set(np.unique([table.first, table.second])) for table in tables] == [{0, 2, 3}, {0, 4, 5}]
    assert truth.shape == (2, 3)
