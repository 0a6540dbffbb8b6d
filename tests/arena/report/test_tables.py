import csv
import dataclasses

import pytest

from arena.environments.references import Catalogue
from arena.errors import ArenaError
from arena.formats.json import read_json
from arena.report.build import build_report
from arena.report.load import load_runs
from arena.report.page import render
from arena.report.tables import tables, write_report


@pytest.fixture(scope="module")
def document(tmp_path_factory, write_run):
    folder = tmp_path_factory.mktemp("logs")
    for agent in "ab":
        for seed in range(5):
            write_run(folder, agent, seed, final=(100.0 + seed,) * 2)
    return build_report(load_runs([folder]).runs, Catalogue({}), title="test", command="arena report")


def test_every_row_of_a_table_has_the_same_columns(document):
    found = tables(document)
    assert list(found) == ["runs", "scores", "curves", "pairs", "env_pairs"], "no decisions without a sequential comparison"
    for rows in found.values():
        assert len({tuple(row) for row in rows}) == 1
    assert (len(found["runs"]), len(found["pairs"])) == (10, 1)
    assert {row["statistic"] for row in found["scores"]} == {"return_mean"}, "no scores without references"


def test_the_files_hold_the_same_numbers(document, tmp_path):
    write_report(document, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("report.html", "report.json", "test.toml"),
        *("runs.csv", "scores.csv", "curves.csv", "pairs.csv", "env_pairs.csv"),
    }
    stored = read_json(tmp_path / "out" / "report.json")
    pair = document.pairs[0]
    assert stored["pairs"][0]["probability"] == dataclasses.asdict(pair.probability)
    (row,) = csv.DictReader((tmp_path / "out" / "pairs.csv").read_text().splitlines())
    assert (float(row["value"]), float(row["low"]), float(row["p_value_joint"])) == (
        *(pair.probability.value, pair.probability.low),
        pair.p_value_joint,
    )


def test_a_report_without_runs_of_a_kind_writes_an_empty_table(document, tmp_path):
    write_report(dataclasses.replace(document, pairs=()), tmp_path / "out")
    assert (tmp_path / "out" / "pairs.csv").read_text() == ""


def test_a_folder_that_is_a_file_is_refused(document, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArenaError, match=r"cannot write the report into .*file.*; give another --output"):
        write_report(document, tmp_path / "file")


def test_metrics_from_info_stand_with_their_intervals_in_tables_and_on_the_page(tmp_path, write_run):
    for agent in "ab":
        for seed in range(5):
            metrics = {"is_success": [1.0, float(agent == "a")], "distance": [0.25, 0.75 + seed]}
            write_run(tmp_path / "logs", agent, seed, final=(100.0 + seed,) * 2, metrics=metrics)
    write_run(tmp_path / "logs", "b", 5, status="crashed")
    found = build_report(load_runs([tmp_path / "logs"]).runs, Catalogue({}), title="test", command="arena report")
    by_agent = {result.agent: result.metrics for result in found.results}
    assert list(by_agent["a"]) == ["is_success", "distance"]
    success = by_agent["b"]["is_success"]
    assert (by_agent["a"]["is_success"].value, success.value, success.num_seeds) == (1.0, 0.5, 5), "the failed run has none"
    assert success.low is None, "all seeds have the same"
    distance = by_agent["b"]["distance"]
    assert distance.low is not None
    assert distance.high is not None
    assert distance.low < distance.value < distance.high
    rows = {(row["agent"], row["statistic"]): row["value"] for row in tables(found)["scores"]}
    assert (rows["b", "info.is_success"], rows["b", "info.distance"]) == (0.5, 1.5)
    page = render(found)
    assert "Metrics from info" in page
    assert page.count('<td class="text">is_success</td>') == 2
