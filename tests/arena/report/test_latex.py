import dataclasses
from pathlib import Path

import pytest

from arena.environments.references import Catalogue
from arena.report.build import build_report
from arena.report.document import ExperimentReport
from arena.report.latex import latex_tables
from arena.report.load import load_runs
from arena.report.tables import write_latex


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory, write_run) -> ExperimentReport:
    folder = tmp_path_factory.mktemp("logs")
    for agent in ("a_1", "b"):
        for seed in range(5):
            write_run(folder, agent, seed, final=(-1_000.0 - seed,) * 2)
    return build_report(load_runs([folder]).runs, Catalogue({}), title="test", command="arena report")


def test_values_stand_with_their_intervals_and_names_are_escaped(document: ExperimentReport):
    estimate = document.results[0].return_mean
    found = latex_tables(document)
    assert list(found) == ["returns", "pairs"], "no scores without references"
    lines = found["returns"].splitlines()
    assert lines[0].startswith("% test: intervals hold 95% of the time")
    assert lines[1:5] == [r"\begin{tabular}{lr}", r"\toprule", r"agent & CartPole-v1 \\", r"\midrule"]
    assert (estimate.low, estimate.high) != (None, None)
    assert estimate.low is not None
    assert estimate.high is not None
    low, high = (f"${value:,.1f}$".replace(",", "{,}") for value in (estimate.low, estimate.high))
    assert lines[5] == rf"a\_1 & $-1{{,}}002.0$ {{\scriptsize [{low}, {high}]}} \\"
    assert lines[-2:] == [r"\bottomrule", r"\end{tabular}"]


def test_a_value_without_an_interval_stands_alone(document: ExperimentReport):
    bare = dataclasses.replace(document.results[0].return_mean, low=None, high=None)
    results = (dataclasses.replace(document.results[0], return_mean=bare), *document.results[1:])
    assert r"a\_1 & $-1{,}002.0$ \\" in latex_tables(dataclasses.replace(document, results=results))["returns"]


def test_the_tables_are_files(document: ExperimentReport, tmp_path: Path):
    assert write_latex(document, tmp_path) == ["returns.tex", "pairs.tex"]
    assert (tmp_path / "pairs.tex").read_text() == latex_tables(document)["pairs"]
