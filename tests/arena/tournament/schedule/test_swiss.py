import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.rating.matches import Matches
from arena.tournament.schedule.lineups import Lineup
from arena.tournament.schedule.swiss import swiss

EMPTY = Matches(*np.empty((2, 0), np.int64), np.empty(0), np.empty(0, np.int64), seated=True)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 9), st.integers(0, 1_000), st.booleans())
def test_swiss_rounds_have_no_early_rematches(half, seed, odd) -> None:
    num_players, rng = 2 * half - odd, np.random.default_rng(seed)
    entrants, lineups, table = np.arange(num_players), [Lineup(np.arange(num_players), seated=True)], EMPTY
    met: set[frozenset[int]] = set()
    for index in range(half - 1 if odd else half):
        pairings = swiss([table], lineups, entrants, round_index=index, num_starts=1, seed=seed)
        pairs = {frozenset(pair) for pair in zip(pairings.first.tolist(), pairings.second.tolist(), strict=True)}
        playing = [player for pair in pairs for player in pair]
        assert len(playing) == len(set(playing)) == num_players - odd
        assert not pairs & met
        assert set(pairings.start.tolist()) == {index}
        met |= pairs
        table = Matches(
            np.concatenate([table.first, pairings.first]),
            np.concatenate([table.second, pairings.second]),
            np.concatenate([table.points, rng.choice([0.0, 0.5, 1.0], len(pairings))]),
            np.concatenate([table.start, pairings.start]),
            seated=True,
        )
    played = np.bincount(np.concatenate([table.first, table.second]), minlength=num_players) / 2
    assert played.max() - played.min() <= odd  # nobody sits out twice before all have once


def test_swiss_pairs_neighbours_in_score_and_spares_players_of_one_entrant() -> None:
    table = Matches(np.array([0, 1]), np.array([3, 2]), np.array([1.0, 1.0]), np.zeros(2, np.int64))
    pairings = swiss([table], [Lineup(np.arange(4))], np.arange(4), round_index=1, num_starts=1, seed=0)
    assert {frozenset(pair) for pair in zip(pairings.first.tolist(), pairings.second.tolist(), strict=True)} == {
        frozenset({0, 1}),
        frozenset({2, 3}),
    }
    pairings = swiss([table], [Lineup(np.arange(4))], np.array([0, 0, 1, 1]), round_index=1, num_starts=1, seed=0)
    assert {frozenset(pair) for pair in zip(pairings.first.tolist(), pairings.second.tolist(), strict=True)} == {
        frozenset({0, 2}),
        frozenset({1, 3}),
    }
    alone = swiss([EMPTY], [Lineup(np.arange(2))], np.array([0, 0]), round_index=0, num_starts=1, seed=0)
    assert len(alone) == 0
