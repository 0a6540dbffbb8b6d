import dataclasses
import tomllib

import pytest

from arena.environments.config import EnvConfig
from arena.report.document import SequentialComparison
from arena.report.load import load_runs
from arena.report.repeat import common, experiment_toml, hyperparameters
from arena.run_folder.inputs import Budget


@pytest.mark.parametrize(
    ("tables", "shared"),
    [
        ([{"a": 1, "b": 2}], {"a": 1, "b": 2}),
        ([{"a": 1, "b": 2}, {"a": 1, "b": 3}], {"a": 1}),
        ([{"a": None}, {}], {}),
        ([{"a": [1]}, {"a": [1]}, {"b": 1}], {}),
    ],
)
def test_common_items_are_those_that_all_tables_have_alike(tables, shared):
    assert common(tables) == shared


@pytest.fixture
def runs(tmp_path, write_run):
    """Two agents on two environments; a has another batch size on one, whose budget differs too."""
    for agent in "ab":
        for env, size, steps in (("CartPole-v1", 8, 1_000), ("Acrobot-v1", 16, 2_000)):
            settings = {"num_envs": 2, "batch_size": size if agent == "a" else 8}
            write_run(tmp_path, agent, 3, env=env, hyperparameters=settings, budget=Budget(env_steps=steps, seconds=5.0))
    return load_runs([tmp_path]).runs


def test_hyperparameters_that_differ_between_environments_stand_with_them(runs):
    usual, special = hyperparameters(runs)
    assert usual == {"a": {"num_envs": 2}, "b": {"num_envs": 2, "batch_size": 8}}
    assert special == {"a": {"CartPole-v1": {"batch_size": 8}, "Acrobot-v1": {"batch_size": 16}}}


def test_the_file_repeats_what_was_run(runs):
    again = tomllib.loads(experiment_toml("again", runs))
    assert (again["name"], again["seeds"], again["checkpoint_period"]) == ("again", [3], 250)
    assert again["budget"]["seconds"] == 5.0
    assert "env_steps" not in again["budget"]
    agents = {agent["name"]: agent["hyperparameters"] for agent in again["agents"]}
    assert agents == {"a": {"num_envs": 2}, "b": {"num_envs": 2, "batch_size": 8}}
    envs = {env["id"]: env for env in again["envs"]}
    assert envs["Acrobot-v1"]["budget"]["env_steps"] == 2_000
    assert envs["Acrobot-v1"]["hyperparameters"] == {"a": {"batch_size": 16}}


def test_an_environments_own_name_is_repeated(runs):
    named = [dataclasses.replace(run, run=dataclasses.replace(run.run, env=EnvConfig(run.env, {}, "mine"))) for run in runs[:1]]
    assert tomllib.loads(experiment_toml("again", named))["envs"][0]["name"] == "mine"
    assert "name" not in tomllib.loads(experiment_toml("again", runs))["envs"][0]


@pytest.mark.parametrize("agents", ["ab", "abc"])
def test_the_rule_that_chose_the_seeds_is_repeated_if_it_was_for_exactly_these_agents(runs, agents):
    rule = {"group_size": 5, "max_seeds": 20, "alpha": 0.1}
    envs = tuple({run.env for run in runs})
    state = {"experiment": "x", "look": 1, "finished": True, "num_seeds": dict.fromkeys(agents, 1), "verdicts": ()}
    again = tomllib.loads(experiment_toml("again", runs, [SequentialComparison(**rule, **state, envs=envs)]))
    expected = ("until-decided", rule) if agents == "ab" else ([3], None)
    assert (again["seeds"], again.get("until-decided")) == expected


def test_an_agent_that_began_from_another_run_begins_there_again(tmp_path, write_run):
    write_run(tmp_path, "a")
    [loaded] = load_runs([tmp_path]).runs
    warm = dataclasses.replace(loaded, run=dataclasses.replace(loaded.run, agent=dataclasses.replace(loaded.run.agent, init="logs/base/a")))
    assert tomllib.loads(experiment_toml("again", [warm]))["agents"][0]["init"] == "logs/base/a"
    assert "init" not in experiment_toml("again", [loaded])
