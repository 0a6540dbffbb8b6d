# ruff: noqa: RUF001  # numbers are written with the signs of typography
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.ticker import MaxNLocator

from arena.html import charts, page

REALS = st.floats(-1e9, 1e9)


@given(st.tuples(REALS, REALS).filter(lambda pair: pair[1] - pair[0] > 1e-6 * max(abs(pair[0]), abs(pair[1]), 1e-3)))
def test_linear_ticks_are_few_and_within_the_axis(ends: tuple[float, float]) -> None:
    low, high = ends
    ticks = charts.Scale(low, high, 0, 100).ticks(5)
    assert 2 <= len(ticks) <= 7
    slack = 1e-6 * (high - low)
    assert all(low - slack <= tick <= high + slack for tick in ticks)
    assert ticks == sorted(set(ticks))


@pytest.mark.parametrize("ends", [(0.0, 1.0), (-500.0, 0.0), (0.0, 100_000.0), (3.0, 17.0)])
def test_linear_ticks_are_matplotlibs(ends: tuple[float, float]) -> None:
    theirs = [tick for tick in MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(*ends) if ends[0] <= tick <= ends[1]]
    assert charts.Scale(*ends, 0, 100).ticks(5) == pytest.approx(theirs)


def test_log_ticks_are_powers_of_ten_with_steps_where_they_are_few() -> None:
    assert charts.Scale(1.0, 1e5, 0, 1, log=True).ticks() == pytest.approx([1, 10, 100, 1e3, 1e4, 1e5])
    assert charts.Scale(3.0, 80.0, 0, 1, log=True).ticks() == pytest.approx([5, 10, 20, 50])


@given(st.lists(st.floats(0.5, 1e6), min_size=2, max_size=20, unique=True), st.booleans())
def test_positions_keep_the_order_of_values_and_stay_on_the_axis(values: list[float], log: bool) -> None:
    values.sort()
    positions = [charts.Scale(values[0], values[-1], 10, 90, log)(value) for value in values]
    assert positions == sorted(positions)
    assert (positions[0], positions[-1]) == (10, 90)


def test_a_chart_leaves_out_points_that_do_not_exist() -> None:
    curve = charts.Curve(
        label="a", color=0, x=[0, 1, 2, 3], y=[1.0, None, math.nan, 3.0], low=[0.5, None, 0, math.nan], high=[2, None, 4, 4]
    )
    chart = charts.line_chart([curve], x_label="x", y_label="y", description="d")
    assert chart is not None
    (drawn,) = chart.curves
    assert drawn.path.count(",") == 2
    assert drawn.band.count(",") == 4
    assert "nan" not in drawn.path + drawn.band


def test_no_chart_is_drawn_without_points() -> None:
    empty = charts.Curve(label="a", color=0, x=[0.0], y=[None])
    assert charts.line_chart([empty], x_label="x", y_label="y", description="d") is None
    assert (
        charts.line_chart([charts.Curve(label="a", color=0, x=[0.0], y=[1.0])], x_label="x", y_label="y", description="d", log_x=True)
        is None
    )
    assert charts.row_scale([None, (None, math.nan)]) is None


def test_one_point_and_a_constant_curve_have_an_axis() -> None:
    chart = charts.line_chart([charts.Curve(label="a", color=9, x=[5.0], y=[0.0])], x_label="x", y_label="y", description="d")
    assert chart is not None
    assert chart.curves[0].thin
    assert chart.x.low < 5 < chart.x.high
    assert chart.y.low < 0 < chart.y.high


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
    assert [label for _, label in charts.Scale(0.0, high, 0, 100).labelled_ticks()] == labels


def test_a_negative_tick_has_a_minus_sign() -> None:
    assert charts.tick_label(-500, 500) == "−500"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (page.number(0.012345), "0.0123"),
        (page.number(-1234.5), "−1,234"),
        (page.number(3e-7), "3.00e-07"),
        (page.number(math.nan), "–"),
        (page.fixed(1234.56, 1), "1,234.6"),
        (page.fixed(-0.4), "0"),
        (page.percent(0.999), "99.9%"),
        (page.percent(1.0), "100%"),
        (page.percent(0.496), "50%"),
        (page.duration(48.2), "48 s"),
        (page.duration(190), "3.2 min"),
        (page.duration(5400), "1.5 h"),
        (page.interval((-20.0, 31.4)), "−20 to 31"),
        (page.interval((None, 3.0)), "–"),
        (page.ranks((2, 4)), "2–4"),
        (page.ranks((3, 3)), "3"),
    ],
)
def test_numbers_read_as_people_write_them(text: str, expected: str) -> None:
    assert text == expected
