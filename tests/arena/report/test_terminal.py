import csv
import json

import pytest

from arena.errors import ArenaError
from arena.formats.json import read_json
from arena.report import terminal as command
from arena.report.terminal import report
from arena.run_folder.record import run_folders
from arena.statistics.bootstrap import MEDIAN_NOTE
from arena.statistics.estimate import Estimate

DECISION = {
    "rule": {"group_size": 5, "max_seeds": 20, "alpha": 0.05},
    "agents": ["a", "b"],
    "envs": ["CartPole-v1"],
    "finished": True,
    "look": 1,
    "returns": {agent: {"CartPole-v1": [1.0] * 5} for agent in "ab"},
}


@pytest.fixture
def folder(tmp_path, write_run):
    for seed in range(5):
        for agent in ("a", "b"):
            write_run(tmp_path / "logs" / "test", agent, seed, final=(100.0 + seed,) * 2)
    return tmp_path / "logs" / "test"


def test_report_prints_a_summary_and_writes_tables_and_the_file_that_repeats_it(folder, capsys):
    report([folder], None, mode="plain")
    printed = capsys.readouterr().out
    pairs = ("Probability that a run of x", "a  b  0.50 [", "Pairs on each environment, p corrected for all 1")
    for words in (*pairs, "Cost of a run", str(folder / "report")):
        assert words in printed
    rows = {path.stem: list(csv.DictReader(path.read_text().splitlines())) for path in (folder / "report").glob("*.csv")}
    assert sorted(rows) == ["curves", "env_pairs", "pairs", "runs", "scores"]
    assert [row["seed"] for row in rows["runs"]] == ["0", "1", "2", "3", "4"] * 2
    assert (rows["pairs"][0]["x"], rows["pairs"][0]["value"]) == ("a", "0.5")
    assert {row["axis"] for row in rows["curves"]} == {"env_steps", "train_seconds"}
    assert read_json(folder / "report" / "report.json")["experiment_seed"] == 0
    assert 'name = "test"' in (folder / "report" / "test.toml").read_text()


def test_a_second_report_does_not_read_the_first(folder, capsys):
    for _ in range(2):
        report([folder], None, mode="json")
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first == second


def test_a_folder_that_cannot_be_written_is_refused(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArenaError, match=r"cannot write the report into .*file"):
        report([folder], tmp_path / "file", mode="plain")


def test_a_note_on_an_interval_is_shown(tmp_path, write_run, capsys):
    for seed in range(5):
        for env in ("Pendulum-v1", "Acrobot-v1", "MountainCar-v0"):
            write_run(tmp_path / "logs", "a", seed, env=env, final=(-120.0 + seed,) * 2, curve=[(500, 1.0, -150.0)])
    report([tmp_path / "logs"], None, mode="plain")
    printed = capsys.readouterr().out
    assert f"* {MEDIAN_NOTE}" in printed
    assert command.words(Estimate(value=0.5, low=0.4, high=0.6, num_seeds=5, note=MEDIAN_NOTE)) == "0.50 [0.40, 0.60]*"
    assert command.words(Estimate(value=0.5, low=0.4, high=0.6, num_seeds=5)) == "0.50 [0.40, 0.60]"


def test_the_summary_and_a_table_say_what_the_sequential_test_decided(folder, capsys):
    (folder / "decision.json").write_text(json.dumps({**DECISION, "pairs": [{"agent": "a", "other": "b", "verdict": "worse"}]}))
    report([folder], None, mode="plain")
    printed = capsys.readouterr().out
    assert "by the sequential test" in printed
    assert "b beats a" in printed
    assert (folder / "report" / "decisions.csv").read_text().splitlines()[1].endswith("test,0.05,1,a,b,worse")


@pytest.mark.parametrize("trap", ["link to a file", "link to a folder", "dangling link"])
def test_a_report_is_not_written_through_a_link(tmp_path, write_run, outside, lay_trap, trap):
    write_run(tmp_path / "logs")
    lay_trap(tmp_path / "logs" / "report", trap)
    with pytest.raises(ArenaError, match="report is a link"):
        report([tmp_path / "logs"], None, mode="quiet")
    report([tmp_path / "logs"], tmp_path / "mine", mode="quiet")
    lay_trap(tmp_path / "mine" / "report.html", trap)
    with pytest.raises(ArenaError, match=r"report\.html is a link"):
        report([tmp_path / "logs"], tmp_path / "mine", mode="quiet")


def test_a_tree_of_links_to_run_folders_is_read(tmp_path, write_run, outside):
    write_run(tmp_path / "logs")
    run = write_run(tmp_path / "disk", seed=1)
    (tmp_path / "logs" / "a" / "CartPole-v1" / "seed-1").symlink_to(run)
    (tmp_path / "logs" / "elsewhere").symlink_to(outside)
    (tmp_path / "link").symlink_to(tmp_path / "logs")
    assert [found.name for found in run_folders(tmp_path / "link")] == ["seed-0", "seed-1"]
    report([tmp_path / "link"], tmp_path / "out", mode="quiet")
