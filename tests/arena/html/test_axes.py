# ruff: noqa: RUF001  # numbers are written with the signs of typography

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.ticker import MaxNLocator

from arena.html.axes import AxisScale, tick_label

REALS = st.floats(-1e9, 1e9)


@given(st.tuples(REALS, REALS).filter(lambda pair: pair[1] - pair[0] > 1e-6 * max(abs(pair[0]), abs(pair[1]), 1e-3)))
def test_linear_ticks_are_few_and_within_the_axis(ends: tuple[float, float]) -> None:
    low, high = ends
    ticks = AxisScale(low, high, 0, 100).ticks(5)
    assert 2 <= len(ticks) <= 7
    slack = 1e-6 * (high - low)
    assert all(low - slack <= tick <= high + slack for tick in ticks)
    assert ticks == sorted(set(ticks))


@pytest.mark.parametrize("ends", [(0.0, 1.0), (-500.0, 0.0), (0.0, 100_000.0), (3.0, 17.0)])
def test_linear_ticks_are_matplotlibs(ends: tuple[float, float]) -> None:
    theirs = [tick for tick in MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(*ends) if ends[0] <= tick <= ends[1]]
    assert AxisScale(*ends, 0, 100).ticks(5) == pytest.approx(theirs)


def test_log_ticks_are_powers_of_ten_with_steps_where_they_are_few() -> None:
    assert AxisScale(1.0, 1e5, 0, 1, log=True).ticks() == pytest.approx([1, 10, 100, 1e3, 1e4, 1e5])
    assert AxisScale(3.0, 80.0, 0, 1, log=True).ticks() == pytest.approx([5, 10, 20, 50])


@given(st.lists(st.floats(0.5, 1e6), min_size=2, max_size=20, unique=True), st.booleans())
def test_positions_keep_the_order_of_values_and_stay_on_the_axis(values: list[float], log: bool) -> None:
    values.sort()
    positions = [AxisScale(values[0], values[-1], 10, 90, log)(value) for value in values]
    assert positions == sorted(positions)
    assert (positions[0], positions[-1]) == (10, 90)


@pytest.mark.parametrize(
    ("high", "labels"),
    [
        (1.0, ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        (9_000.0, ["0", "2000", "4000", "6000", "8000"]),
        (20_000.0, ["0", "5k", "10k", "15k", "20k"]),
        (1_500_000.0, ["0", "0.5M", "1M", "1.5M"]),
    ],
)
def test_ticks_of_one_axis_share_their_unit(high: float, labels: list[str]) -> None:
    assert [label for _, label in AxisScale(0.0, high, 0, 100).labelled_ticks()] == labels


def test_a_negative_tick_has_a_minus_sign() -> None:
    assert tick_label(-500, 500) == "−500"
