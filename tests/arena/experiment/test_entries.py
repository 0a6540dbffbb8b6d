"""Agents of a file: grids, blocks of hyperparameters, resources."""

from typing import Any

import pytest

from arena.errors import ArenaError
from arena.experiment.file import from_table

FAKE = "arena.testing.fakes:FAKE_AGENT"
MINIMAL: dict[str, Any] = {"name": "test", "agents": [FAKE], "envs": ["CartPole-v1"]}


def test_a_grid_is_a_variant_for_each_point_with_a_name_that_says_which():
    entry = {"agent": "keras-dqn", "name": "k", "hyperparameters": {"batch_size": 32}}
    entry["grid"] = {"learning_rate": [1e-3, 1e-5], "double": [True, False], "hidden_sizes": [[64, 64]]}
    agents = from_table({**MINIMAL, "agents": [entry]}).agents
    assert [agent.name for agent in agents] == [
        "k,learning_rate=0.001,double=true,hidden_sizes=64+64",
        "k,learning_rate=0.001,double=false,hidden_sizes=64+64",
        "k,learning_rate=1e-05,double=true,hidden_sizes=64+64",
        "k,learning_rate=1e-05,double=false,hidden_sizes=64+64",
    ]
    assert [agent.hyperparameters["double"] for agent in agents] == [True, False, True, False]
    assert {agent.hyperparameters["batch_size"] for agent in agents} == {32}
    assert agents[0].hyperparameters["hidden_sizes"] == (64, 64)


def test_one_block_drives_the_dqn_of_every_framework():
    agents = ["tfagents-dqn", "rllib-dqn", "keras-dqn", "kerasrl-dqn"]
    experiment = from_table({**MINIMAL, "agents": agents, "hyperparameters": {"dqn": {"learning_rate": 0.005, "hidden_sizes": [32, 32]}}})
    assert [agent.name for agent in experiment.agents] == agents
    assert {(agent.hyperparameters["learning_rate"], agent.hyperparameters["hidden_sizes"]) for agent in experiment.agents} == {
        (0.005, (32, 32))
    }


def test_what_one_framework_cannot_express_is_an_error_that_names_the_agent():
    with pytest.raises(ArenaError, match=r"agent 'kerasrl-dqn' has no hyperparameter 'backend'"):
        from_table({**MINIMAL, "agents": ["keras-dqn", "kerasrl-dqn"], "hyperparameters": {"dqn": {"backend": "jax"}}})


def test_resources_of_one_agent_change_nothing_that_is_computed():
    agents = [{"agent": FAKE, "resources": {"threads": 4, "gpu_share": 0.5}}, {"agent": FAKE, "name": "other"}]
    experiment = from_table({**MINIMAL, "agents": agents, "resources": {"threads": 2, "device": "cpu"}})
    first, second = experiment.runs()
    assert (first.resources.threads, first.resources.gpu_share, first.resources.device) == (4, 0.5, "cpu")
    assert (second.resources.threads, second.resources.gpu_share) == (2, None)
    assert {**first.inputs(), "agent": None} == {**second.inputs(), "agent": None}
    assert first.inputs()["agent"].keys() == {"name", "agent", "hyperparameters"}


def test_hyperparameters_go_from_algorithm_to_agent_to_entry():
    blocks = {"q-learning": {"learning_rate": 0.1, "epsilon": 0.3, "discount": 0.5}, "fake": {"epsilon": 0.4, "discount": 0.6}}
    entry = {"agent": FAKE, "hyperparameters": {"discount": 0.7}}
    experiment = from_table({**MINIMAL, "agents": [entry], "hyperparameters": blocks})
    settings = experiment.agents[0].hyperparameters
    assert (settings["learning_rate"], settings["epsilon"], settings["discount"]) == (0.1, 0.4, 0.7)
    assert settings["num_envs"] == 4, "defaults are filled in"
