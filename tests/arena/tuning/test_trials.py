"""Trials as agents of an experiment."""

import pytest

from arena.experiment.file import from_table
from arena.tuning.trials import with_trials

pytestmark = pytest.mark.extra

ACROBOT = {"id": "Acrobot-v1", "budget": {"env_steps": 7_000}, "hyperparameters": {"dqn": {"batch_size": 16}}}


def test_each_trial_is_the_agent_with_the_settings_that_it_tries():
    experiment = from_table({"name": "t", "agents": ["keras-dqn"], "envs": ["CartPole-v1", ACROBOT], "seeds": 2})
    settings = {"x": {"learning_rate": 0.5}, "bad": {"train_period": 7}, "y": {"learning_rate": 0.25}}
    found, refused = with_trials(experiment, experiment.agents[0], settings)
    assert [(agent.name, agent.agent, agent.hyperparameters["learning_rate"]) for agent in found.agents] == [
        ("x", "keras-dqn", 0.5),
        ("y", "keras-dqn", 0.25),
    ]
    assert refused.keys() == {"bad"}
    assert "must be a multiple of train_period" in refused["bad"]
    runs = {run.name: run for run in found.runs()}
    assert len(runs) == 2 * 2 * 2
    assert runs["x/CartPole-v1/seed-0"].agent.hyperparameters["batch_size"] != 16
    own = runs["y/Acrobot-v1/seed-1"]
    assert (own.agent.hyperparameters["batch_size"], own.agent.hyperparameters["learning_rate"]) == (16, 0.25)
    assert own.budget.env_steps == 7_000, "an environment keeps its budget"
