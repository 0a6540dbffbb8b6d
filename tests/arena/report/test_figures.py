import dataclasses
import sys
from pathlib import Path

import pytest

from arena.environments.references import Catalogue
from arena.errors import ArenaError
from arena.report import terminal
from arena.report.build import build_report
from arena.report.document import ExperimentReport
from arena.report.figures import FORMATS, figures, write_figures
from arena.report.load import load_runs
from arena.report.page_figures import curve_figures, report_styles


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory, write_run) -> ExperimentReport:
    folder = tmp_path_factory.mktemp("logs")
    for agent in "ab":
        for seed in range(5):
            write_run(folder, agent, seed, final=(100.0 + seed,) * 2)
    return build_report(load_runs([folder]).runs, Catalogue({}), title="test", command="arena report")


def test_the_lines_of_a_figure_are_those_of_the_page(document: ExperimentReport):
    drawn = dict(figures(document))
    assert "curves-CartPole-v1-env-steps" in drawn
    assert "pairs" in drawn
    [(_, group)] = curve_figures(document, report_styles(document))
    expected = next(figure for figure in group if figure.x_label == "env steps")
    [axes] = drawn["curves-CartPole-v1-env-steps"].axes
    for line, curve in zip(axes.get_lines(), expected.curves, strict=True):
        assert line.get_label() == curve.label
        assert list(line.get_xdata()) == list(curve.x)
        assert list(line.get_ydata()) == list(curve.y)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("env steps", "return")
    assert [line.get_color() for line in axes.get_lines()] == [curve.style.color for curve in expected.curves], "the page's own colours"


def test_each_figure_is_a_file_in_each_format(document: ExperimentReport, tmp_path: Path):
    names = write_figures(document, tmp_path / "a", ["svg"])
    assert {name.removesuffix(".svg") for name in names} == {name for name, _ in figures(document)}
    names += write_figures(dataclasses.replace(document, curves=()), tmp_path / "a", [name for name in FORMATS if name != "svg"])
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(names)
    assert {name.rpartition(".")[2] for name in names} == set(FORMATS)
    begins = {"pdf": b"%PDF", "svg": b"<?xml", "png": b"\x89PNG"}
    for name in names:
        assert (tmp_path / "a" / name).read_bytes().startswith(begins[name.rpartition(".")[2]])


def test_equal_numbers_give_equal_files(document: ExperimentReport, tmp_path: Path):
    one = dataclasses.replace(document, curves=())
    [[pdf, svg], _] = [write_figures(one, tmp_path / name, ["pdf", "svg"]) for name in "ab"]
    for name in (pdf, svg):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_text_is_set_in_a_serif_font_on_demand(document: ExperimentReport, tmp_path: Path):
    one = dataclasses.replace(document, curves=())
    for folder, serif in (("plain", False), ("serif", True)):
        [name] = write_figures(one, tmp_path / folder, ["svg"], serif=serif)
        assert ("DejaVu Serif" in (tmp_path / folder / name).read_text()) is serif


def test_an_unknown_format_and_a_missing_matplotlib_are_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ArenaError, match="--figures jpeg: there are pdf, svg, png"):
        terminal.report([tmp_path], None, figures=["pdf", "jpeg"], mode="quiet")
    monkeypatch.delitem(sys.modules, "arena.report.figures")
    monkeypatch.delattr("arena.report.figures")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ArenaError, match=r"needs matplotlib: .*\[figures\]"):
        terminal.report([tmp_path], None, figures=["pdf"], mode="quiet")
