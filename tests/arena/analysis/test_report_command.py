import csv
import json

import pytest

from arena.commands.report import report
from arena.errors import ArenaError
from arena.files import read_json


@pytest.fixture
def folder(tmp_path, write_run):
    for seed in range(5):
        for agent in ("a", "b"):
            write_run(tmp_path / "logs" / "test", agent, seed, final=(100.0 + seed,) * 2)
    return tmp_path / "logs" / "test"


def test_report_prints_a_summary_and_writes_tables_and_the_file_that_repeats_it(folder, capsys):
    report([folder], None, json_lines=False)
    printed = capsys.readouterr().out
    for words in ("Probability that a run of x", "a  b  0.50 [", "Cost of a run", str(folder / "report")):
        assert words in printed
    rows = {path.stem: list(csv.DictReader(path.read_text().splitlines())) for path in (folder / "report").glob("*.csv")}
    assert sorted(rows) == ["curves", "pairs", "runs", "scores"]
    assert [row["seed"] for row in rows["runs"]] == ["0", "1", "2", "3", "4"] * 2
    assert (rows["pairs"][0]["x"], rows["pairs"][0]["value"]) == ("a", "0.5")
    assert {row["axis"] for row in rows["curves"]} == {"env_steps", "train_seconds"}
    assert read_json(folder / "report" / "report.json")["experiment_seed"] == 0
    assert 'name = "test"' in (folder / "report" / "test.toml").read_text()


def test_a_second_report_does_not_read_the_first(folder, capsys):
    for _ in range(2):
        report([folder], None, json_lines=True)
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first == second


def test_a_folder_that_cannot_be_written_is_refused(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArenaError, match=r"cannot write the report into .*file"):
        report([folder], tmp_path / "file", json_lines=False)
