from pathlib import Path

import pytest

from arena.report.inventory import commit, differences, relative
from arena.report.load import load_runs


@pytest.mark.parametrize(
    ("git", "word"), [(None, None), ({}, None), ({"commit": "abc"}, "abc"), ({"commit": "abc", "dirty": True}, "abc+")]
)
def test_a_commit_is_one_word_that_tells_changed_files(git, word):
    assert commit(git) == word


def test_paths_below_the_working_directory_are_relative(tmp_path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert relative(tmp_path / "here" / "runs") == "runs"
    assert relative(Path("runs") / "a") == "runs/a"
    assert relative(tmp_path / "there") == str(tmp_path / "there")


def test_hyperparameters_that_not_all_agents_share_are_listed_by_agent_and_environment(tmp_path, write_run):
    write_run(tmp_path, "a", hyperparameters={"num_envs": 2, "size": 1})
    write_run(tmp_path, "a", hyperparameters={"num_envs": 2, "size": 2}, env="Acrobot-v1")
    write_run(tmp_path, "b", hyperparameters={"num_envs": 2, "rate": 0.5})
    found = {difference.name: difference.values for difference in differences(load_runs([tmp_path]).runs)}
    assert found == {"rate": {"b": 0.5}, "size": {"a": {"CartPole-v1": 1, "Acrobot-v1": 2}}}


def test_one_agent_differs_from_none(tmp_path, write_run):
    write_run(tmp_path, "a")
    assert differences(load_runs([tmp_path]).runs) == []
