import math

from arena.html import charts
from arena.html.axes import row_scale
from arena.html.line_styles import numbered_style


def test_a_chart_leaves_out_points_that_do_not_exist() -> None:
    curve = charts.ChartLine(
        label="a", style=numbered_style(0), x=[0, 1, 2, 3], y=[1.0, None, math.nan, 3.0], low=[0.5, None, 0, math.nan], high=[2, None, 4, 4]
    )
    chart = charts.line_chart([curve], x_label="x", y_label="y", description="d")
    assert chart is not None
    (drawn,) = chart.lines
    assert drawn.path.count(",") == 2
    assert drawn.band.count(",") == 4
    assert "nan" not in drawn.path + drawn.band


def test_no_chart_is_drawn_without_points() -> None:
    empty = charts.ChartLine(label="a", style=numbered_style(0), x=[0.0], y=[None])
    assert charts.line_chart([empty], x_label="x", y_label="y", description="d") is None
    assert (
        charts.line_chart(
            [charts.ChartLine(label="a", style=numbered_style(0), x=[0.0], y=[1.0])], x_label="x", y_label="y", description="d", log_x=True
        )
        is None
    )
    assert row_scale([None, (None, math.nan)]) is None


def test_one_point_and_a_constant_curve_have_an_axis() -> None:
    chart = charts.line_chart(
        [charts.ChartLine(label="a", style=numbered_style(100), x=[5.0], y=[0.0])], x_label="x", y_label="y", description="d"
    )
    assert chart is not None
    assert chart.lines[0].style.is_thin
    assert chart.x.low < 5 < chart.x.high
    assert chart.y.low < 0 < chart.y.high
