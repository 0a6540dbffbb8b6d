import numpy as np
import pytest

from arena.statistics.circles import circles, in_words, strong_components


def graph(num: int, *edges: tuple[int, int, float]) -> tuple[np.ndarray, np.ndarray]:
    beats, p_value = np.zeros((num, num), np.bool_), np.ones((num, num))
    for winner, loser, p in edges:
        beats[winner, loser], p_value[winner, loser], p_value[loser, winner] = True, p, p
    return beats, p_value


def test_a_circle_is_as_certain_as_its_weakest_claim():
    [found] = circles(*graph(3, (0, 2, 0.01), (2, 1, 0.04), (1, 0, 0.002)))
    assert found.members == (0, 2, 1)
    assert found.certainty == pytest.approx(0.96)
    assert in_words(found, ["a", "b", "c"]) == "a beats c, c beats b, b beats a (certainty 96.0%)"


def test_an_order_has_no_circle():
    assert circles(*graph(4, (0, 1, 0.01), (0, 2, 0.01), (1, 2, 0.01), (2, 3, 0.01))) == []


def test_of_several_circles_the_most_certain_is_named():
    """0, 1 and 2 run in one circle, 0, 1, 3 and 4 in a longer one of stronger claims; 5 loses to all."""
    edges = [(0, 1, 0.001), (1, 2, 0.05), (2, 0, 0.001), (1, 3, 0.002), (3, 4, 0.003), (4, 0, 0.001), (0, 5, 0.001), (2, 5, 0.001)]
    beats, p_value = graph(6, *edges)
    [found] = circles(beats, p_value)
    assert (found.members, found.certainty) == ((0, 1, 3, 4), pytest.approx(0.997))
    assert strong_components(beats) == [[0, 1, 2, 3, 4]]


def test_equally_certain_circles_are_told_by_the_shortest():
    edges = [(0, 1, 0.01), (1, 2, 0.01), (2, 3, 0.01), (3, 0, 0.01), (2, 0, 0.01)]
    assert [circle.members for circle in circles(*graph(4, *edges))] == [(0, 1, 2)]


def test_two_groups_have_a_circle_each():
    edges = [(0, 1, 0.01), (1, 2, 0.01), (2, 0, 0.01), (3, 4, 0.02), (4, 5, 0.02), (5, 3, 0.02), (0, 3, 0.01)]
    assert [circle.members for circle in circles(*graph(6, *edges))] == [(0, 1, 2), (3, 4, 5)]


def test_a_certainty_is_never_rounded_up():
    [found] = circles(*graph(3, (0, 1, 0.0001), (1, 2, 0.0001), (2, 0, 0.0001)))
    assert in_words(found, ["a", "b", "c"]).endswith("(certainty 99.9%)")
