import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from arena.environments.references import Catalogue, Reference, Score
from arena.report.build import build_report
from arena.report.document import ExperimentReport
from arena.report.load import load_runs
from arena.report.page import render
from arena.report.page_figures import Figure, curve_figures, profile_figure, report_styles

REFERENCE = Reference(
    env_id="CartPole-v1", random=Score(20.0, "ours"), threshold=Score(475.0, "theirs"), lower_bound=None, upper_bound=None
)


def _report(write_run: Callable[..., Path], folder: Path, num_seeds: int) -> ExperimentReport:
    for agent in ("a", "b"):
        for seed in range(num_seeds):
            write_run(folder, agent, seed, final=(100.0 + seed,) * 2, curve=((500, 1.0, 100.0 + seed), (1_000, 2.0, 250.0 + 3 * seed)))
    return build_report(load_runs([folder]).runs, Catalogue({"CartPole-v1": REFERENCE}), title="test", command="arena report")


def _figures(report: ExperimentReport) -> list[Figure]:
    styles = report_styles(report)
    profile = profile_figure(report, styles)
    assert profile is not None
    return [*(figure for _, group in curve_figures(report, styles) for figure in group), profile]


@pytest.mark.parametrize(("num_seeds", "has_bands"), [(2, False), (4, False), (5, True)])
def test_a_band_is_drawn_from_five_seeds_on(write_run: Callable[..., Path], tmp_path: Path, num_seeds: int, has_bands: bool) -> None:
    report = _report(write_run, tmp_path, num_seeds)
    for figure in _figures(report):
        assert figure.chart is not None
        assert [bool(line.band) for line in figure.chart.lines] == [has_bands] * 2, figure.caption
    assert ("<polygon" in render(report)) is has_bands


def test_an_agent_has_one_style_in_every_chart(write_run: Callable[..., Path], tmp_path: Path) -> None:
    report = _report(write_run, tmp_path, 2)
    styles = report_styles(report)
    drawn = {(line.label, line.style) for figure in _figures(report) for line in figure.curves}
    assert drawn == set(styles.items())
    renamed = dataclasses.replace(report, agents=tuple(dataclasses.replace(each, agent="keras-dqn") for each in report.agents))
    assert {style.hue for style in report_styles(renamed).values()} == {"keras"}, "the id decides, not the name in the file"


def test_the_curves_of_one_environment_are_drawn_once(write_run: Callable[..., Path], tmp_path: Path) -> None:
    styles = report_styles(_report(write_run, tmp_path / "one", 2))
    alone = _report(write_run, tmp_path / "one-more", 2)
    assert [title for title, _ in curve_figures(alone, styles)] == ["CartPole-v1"]
    several = [title for title, _ in curve_figures(dataclasses.replace(alone, num_envs_in_aggregates=2), styles)]
    assert several == ["All environments: mean score", "CartPole-v1"]


def test_a_chart_holds_the_values_that_a_reader_points_at(write_run: Callable[..., Path], tmp_path: Path) -> None:
    figure = _figures(_report(write_run, tmp_path, 5))[0]
    assert figure.chart is not None
    [(label, classes, points), _] = figure.chart.points()
    assert (label, classes) == ("a", figure.curves[0].style.classes)
    assert len(points) == len(figure.curves[0].x)
    assert points[-1].where == "1,000"
    assert "[" in points[-1].value
