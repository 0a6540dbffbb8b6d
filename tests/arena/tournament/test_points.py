import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from arena.tournament.match_records import Episodes, PlayedGame
from arena.tournament.points import duel_points, duels, match_table

RETURNS = st.lists(st.sampled_from([0.0, 1.0, 2.5]), min_size=4, max_size=4).map(tuple)


def _episodes(player, returns, *, seed=7, reason=""):
    return Episodes(match=f"Env/{player}", env="Env", player=player, seed=seed, returns=returns, lengths=(1,) * len(returns), reason=reason)


@given(first=RETURNS, second=RETURNS)
def test_points_of_the_two_sides_sum_to_one(first, second):
    points = duel_points(np.array([first, second]))
    np.testing.assert_array_equal(points + duel_points(np.array([second, first])), 1.0)
    assert points.tolist() == [0.5 + 0.5 * ((a > b) - (a < b)) for a, b in zip(first, second, strict=True)]


def test_every_two_players_of_different_entrants_meet_once_on_shared_starts():
    records = [_episodes("b", (1.0, 2.0)), _episodes("a/0", (1.0, 3.0)), _episodes("a/1", (0.0, 0.0)), _episodes("c", (9.0, 9.0), seed=8)]
    found = list(duels(records, {"a/0": "a", "a/1": "a", "b": "b", "c": "c"}))
    assert [(duel.players, duel.points.tolist()) for duel in found] == [(("a/0", "b"), [0.5, 1.0]), (("a/1", "b"), [0.0, 0.0])]
    assert next(duels(records[::-1], {"a/0": "a", "a/1": "a", "b": "b", "c": "c"})).players == ("a/0", "b")


def test_a_policy_that_failed_loses_every_duel_and_two_of_them_tie():
    records = [_episodes("a", (), reason="failed: x"), _episodes("b", (-5.0, -6.0)), _episodes("c", (), reason="failed: y")]
    found = {duel.players: duel for duel in duels(records, {"a": "a", "b": "b", "c": "c"})}
    assert found["a", "b"].points.tolist() == [0.0, 0.0]
    assert found["b", "c"].points.tolist() == [1.0, 1.0]
    assert found["a", "c"].points.tolist() == [0.5, 0.5]
    assert math.isnan(found["a", "b"].returns[0, 0])


def test_the_table_holds_seats_for_games_and_starts_for_duels():
    game = PlayedGame(match="g/0", env="g", players=("b", "a"), seed=3, points=1.0, returns=(1.0, -1.0), moves=(), num_opening_moves=0)
    records, index, entrants = [game, _episodes("a", (1.0, 0.0)), _episodes("b", (0.0, 0.0))], {"a": 0, "b": 1}, {"a": "a", "b": "b"}
    games, met = match_table(records, "g", index, entrants), match_table(records, "Env", index, entrants)
    assert (games.first.tolist(), games.second.tolist(), games.points.tolist(), games.seated) == ([1], [0], [1.0], True)
    assert (met.first.tolist(), met.points.tolist(), met.start.tolist(), met.seated) == ([0, 0], [1.0, 0.5], [0, 1], False)
    assert len(match_table(records, "absent", index, entrants).first) == 0


def test_games_from_one_opening_share_a_start_whatever_its_seed():
    moves = [((0, 1, 2), 1), ((0, 1, 2), 2), ((0, 3, 2), 3)]
    games = [
        PlayedGame(
            match=f"g/{seed}", env="g", players=("a", "b"), seed=seed, points=1.0, returns=(1.0, -1.0), moves=of, num_opening_moves=2
        )
        for of, seed in moves
    ]
    assert match_table(games, "g", {"a": 0, "b": 1}, {"a": "a", "b": "b"}).start.tolist() == [0, 0, 1]
