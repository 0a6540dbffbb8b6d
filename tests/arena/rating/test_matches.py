import numpy as np
import pytest

from arena.errors import ArenaError
from arena.rating.matches import Matches, presence


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        (([0], [1, 2], [1.0]), "one length"),
        (([0], [-1], [1.0]), "negative"),
        (([0, 3], [1, 3], [1.0, 0.0]), "match 1 has player 3 twice"),
        (([0], [1], [0.7]), "1, 0.5 or 0"),
        (([0], [1], [np.nan]), "1, 0.5 or 0"),
    ],
)
def test_matches_that_cannot_be_are_refused(arrays, match) -> None:
    with pytest.raises(ArenaError, match=match):
        Matches(*(np.array(array) for array in arrays))


def test_presence_is_by_entrant_and_environment() -> None:
    first, second, points = np.array([0, 3]), np.array([1, 0]), np.array([1.0, 0.5])
    nothing = Matches(*np.empty((2, 0), np.int64), np.empty(0))
    entrants = np.array([0, 1, 1, 2])
    assert presence([Matches(first, second, points), nothing], entrants, 3).tolist() == [[True, True, True], [False] * 3]
    assert presence([Matches(first[1:], second[1:], points[1:])], entrants, 3).tolist() == [[True, False, True]]
    with pytest.raises(ArenaError, match="player 3, but only 3 players have an entrant"):
        presence([Matches(first, second, points)], entrants[:3], 3)
