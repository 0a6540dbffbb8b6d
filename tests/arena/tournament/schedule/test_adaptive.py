import dataclasses
import itertools

import numpy as np
import pytest

from arena.errors import ArenaError
from arena.rating.field_points import field_points
from arena.testing.simulated_tournament import SimulatedPlayers, draw_players
from arena.tournament.schedule.adaptive import adaptive, look_level
from arena.tournament.schedule.lineups import Lineup, Pairings
from arena.tournament.schedule.swiss import swiss
from benchmarks.adaptive_intervals import NO_GAMES, line_of_players, played_adaptively, played_further


def same(one: Pairings, other: Pairings) -> bool:
    return all(np.array_equal(getattr(one, field.name), getattr(other, field.name)) for field in dataclasses.fields(Pairings))


def test_schedules_follow_from_their_seed() -> None:
    lineups, entrants = [Lineup(np.arange(7), seated=True)], np.arange(7)
    calls = [lambda seed: swiss([NO_GAMES], lineups, entrants, round_index=0, num_starts=1, seed=seed)]
    calls += [lambda seed: adaptive([NO_GAMES], lineups, entrants, look=1, num_starts=1, budget=99, seed=seed).pairings]
    for call in calls:
        assert same(call(0), call(0))
        assert not same(call(0), call(1))


def test_adaptive_plays_neighbours_until_all_are_decided() -> None:
    world = SimulatedPlayers(strengths := np.array([0.0, 0.3, 2.0, 4.0, 4.3]), strengths, np.arange(5))
    table, look, undecided = played_adaptively(world)
    assert undecided == []
    assert field_points([table], world.entrants, level=look_level(0.95, look)).rank.tolist() == [5, 4, 3, 2, 1]
    met = np.zeros((5, 5), np.int64)
    np.add.at(met, (table.first, table.second), 1)
    assert np.array_equal(met, met.T)  # both seats
    close, far = met[0, 1] + met[3, 4], met[1, 2] + met[2, 3]
    assert close > 3 * far
    assert len(set(zip(table.first.tolist(), table.second.tolist(), table.start.tolist(), strict=True))) == len(table.first)


def test_adaptive_keeps_to_its_budget() -> None:
    table, _, undecided = played_adaptively(line_of_players(4, 0.0), budget=500)
    assert len(table.first) <= 500
    assert len(undecided) == 3


def test_adaptive_plays_no_start_twice_and_says_who_has_none_left() -> None:
    world = line_of_players(3, 0.0)
    lineup = Lineup(np.arange(3), seated=True, num_distinct=lambda most: min(most, 14), chance=frozenset({0}))
    table, rng = NO_GAMES, np.random.default_rng(0)
    for look in itertools.count(1):
        found = adaptive([table], [lineup], world.entrants, look=look, num_starts=10, budget=600 - len(table.first), seed=0)
        table = played_further(table, found.pairings, world, rng)
        if not len(found.pairings):
            break
    rows = np.array([table.first, table.second, table.start]).T
    without_chance = rows[(rows[:, :2] != 0).all(1)]
    assert len(np.unique(without_chance, axis=0)) == len(without_chance) == 2 * 14
    assert len(rows) > 300
    assert set(found.used_up) <= {(1, 2), (2, 1)}
    alone = adaptive(
        [table], [dataclasses.replace(lineup, players=np.arange(1, 3))], world.entrants, look=look, num_starts=1, budget=99, seed=0
    )
    assert len(alone.pairings) == 0


def test_adaptive_leaves_to_training_what_matches_cannot_decide() -> None:
    rng = np.random.default_rng(0)
    world = draw_players(np.array([0.0, 0.1]), 3, 0.8, rng)
    table = world.games(400, rng)
    found = adaptive([table], [Lineup(np.arange(6), seated=True)], world.entrants, look=1, num_starts=10, budget=10_000, seed=0)
    assert len(found.undecided) == 1
    assert found.needs_seeds == found.undecided
    assert len(found.pairings) == 0


def test_adaptive_places_a_newcomer_from_the_middle() -> None:
    world, rng = line_of_players(6, 1.0), np.random.default_rng(0)
    table = world.games(200, rng, among=np.arange(6) < 5)
    found = adaptive([table], [Lineup(np.arange(6), seated=True)], world.entrants, look=1, num_starts=10, budget=1_000, seed=0)
    pairs = set(zip(found.pairings.first.tolist(), found.pairings.second.tolist(), strict=True))
    assert {min(pair) for pair in pairs} <= {1, 2, 3}
    assert all(5 in pair for pair in pairs)


def test_the_error_of_all_looks_together_stays_within_the_level() -> None:
    assert sum(1 - look_level(0.95, look) for look in range(1, 10_000)) == pytest.approx(0.05, abs=1e-5)
    with pytest.raises(ArenaError, match="counted from one"):
        look_level(0.95, 0)


@pytest.mark.slow
def test_equal_players_are_hardly_ever_ordered_by_many_looks() -> None:
    """The bound is 5 % of 60 and three standard errors."""
    world, wrong = line_of_players(5, 0.0), 0
    for seed in range(60):
        table, look, _ = played_adaptively(world, budget=2_000, seed=seed)
        wrong += bool(field_points([table], world.entrants, level=look_level(0.95, look)).better.any())
    assert wrong <= 8
