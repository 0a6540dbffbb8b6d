import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.rating.matches import Matches
from arena.tournament.schedule.lineups import Lineup

EMPTY = Matches(*np.empty((2, 0), np.int64), np.empty(0), np.empty(0, np.int64), seated=True)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 20), st.integers(0, 20), st.integers(0, 9), st.booleans())
def test_starts_left_are_those_not_had(num_starts, had, wanted, chance) -> None:
    lineup = Lineup(np.arange(2), num_distinct=lambda most: min(most, num_starts), chance=frozenset({1} if chance else ()))
    (left,) = lineup.starts_left(np.array([0]), np.array([1]), np.array([had]), wanted)
    assert left == (wanted if chance else len(set(range(num_starts)) & set(range(had, had + wanted))))
