"""What a file can say beyond agents, environments and seeds: parents, grids, settings of one environment or one agent."""

from typing import Any

import pytest

from arena.errors import ArenaError
from arena.experiment.file import from_table

FAKE = "arena.testing.fakes:FAKE_AGENT"
MINIMAL: dict[str, Any] = {"name": "test", "agents": [FAKE], "envs": ["CartPole-v1"]}


def settings(experiment, name: str) -> dict[str, Any]:
    return {run.name: run.agent.hyperparameters[name] for run in experiment.runs()}


def test_an_environment_has_its_own_budget_and_hyperparameters():
    lander = {"id": "Acrobot-v1", "budget": {"env_steps": 8_000}, "hyperparameters": {"q-learning": {"epsilon": 0.4, "discount": 0.8}}}
    agents = [FAKE, {"agent": FAKE, "name": "own", "hyperparameters": {"epsilon": 0.9}}]
    budget = {"env_steps": 4_000, "target_return": 3.0}
    experiment = from_table(
        {**MINIMAL, "agents": agents, "envs": ["CartPole-v1", lander], "budget": budget, "hyperparameters": {"fake": {"epsilon": 0.1}}}
    )
    assert settings(experiment, "epsilon") == {
        "fake/CartPole-v1/seed-0": 0.1,
        "own/CartPole-v1/seed-0": 0.9,
        "fake/Acrobot-v1/seed-0": 0.4,
        "own/Acrobot-v1/seed-0": 0.9,
    }, "an agent's own settings come last"
    assert settings(experiment, "discount")["own/Acrobot-v1/seed-0"] == 0.8
    steps = {
        run.env.id: (run.budget.env_steps, run.budget.target_return, run.log_period, run.checkpoint_period) for run in experiment.runs()
    }
    assert steps == {"CartPole-v1": (4_000, 3.0, 1_000, 1_000), "Acrobot-v1": (8_000, 3.0, 1_000, 2_000)}


def test_seeds_are_a_count_or_a_list():
    assert from_table({**MINIMAL, "seeds": 3}).seeds == (0, 1, 2)
    assert from_table({**MINIMAL, "seeds": [7, 3]}).seeds == (7, 3)


def test_seeds_may_be_left_to_the_scores():
    experiment = from_table({**MINIMAL, "seeds": "until-decided", "until-decided": {"group_size": 3, "max_seeds": 9}})
    assert experiment.seeds == (0, 1, 2)
    assert experiment.until_decided is not None
    assert (experiment.until_decided.max_seeds, experiment.until_decided.alpha) == (9, 0.05)


def test_tables_of_other_commands_and_the_executor_are_taken():
    experiment = from_table({**MINIMAL, "tournament": {"whatever": 1}, "tune": {}, "executor": {"kind": "ray", "address": "h:1"}})
    assert (experiment.executor.kind, experiment.executor.address) == ("ray", "h:1")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"agents": ["keras-dqm"]}, "no agent 'keras-dqm'; did you mean 'keras-dqn'"),
        ({"agents": []}, "agents must be a list with at least one member"),
        ({"agents": [FAKE, FAKE]}, "'fake' appears twice"),
        ({"agents": [{"agent": FAKE, "nam": "x"}]}, "unknown key 'nam'; did you mean 'name'"),
        ({"agents": [{"agent": FAKE, "hyperparameters": {"epsilom": 1}}]}, "no hyperparameter 'epsilom'; did you mean 'epsilon'"),
        ({"agents": [{"agent": FAKE, "hyperparameters": {"epsilon": 2.0}}]}, "epsilon=2.0: Input should be less than or equal to 1"),
        ({"agents": [{"agent": FAKE, "name": "../x"}]}, "agent name '../x' must be letters"),
        ({"budgett": {}}, "unknown key 'budgett'; did you mean 'budget'"),
        ({"budget": {"env_step": 1}}, "budget: unknown key 'env_step'; did you mean 'env_steps'"),
        ({"budget": {"env_steps": "many"}}, "budget.env_steps='many'"),
        ({"budget": {"env_steps": 0}}, "budget.env_steps=0"),
        ({"resources": {"device": "tpu"}}, "resources.device='tpu'"),
        ({"seeds": 0}, "seeds=0: give a count"),
        ({"seeds": [1, 1]}, "'1' appears twice"),
        ({"seeds": "until"}, "seeds='until'"),
        ({"hyperparameters": {"dqm": {}}}, "hyperparameters.dqm names no algorithm or agent"),
        ({"hyperparameters": {"fake": 3}}, "must be a table of tables"),
        ({"envs": [{"id": "CartPole-v1", "kwarg": {}}]}, "unknown key 'kwarg'; did you mean 'kwargs'"),
        ({"agents": [{"agent": FAKE, "grid": {"epsilon": 0.1}}]}, "agent 'fake': grid.epsilon=0.1 must be a list of values"),
        ({"agents": [{"agent": FAKE, "grid": {"epsilon": []}}]}, "grid.epsilon=[] must be a list of values"),
        ({"agents": [{"agent": FAKE, "grid": {"epsilom": [1]}}]}, "no hyperparameter 'epsilom'; did you mean 'epsilon'"),
        ({"agents": [{"agent": FAKE, "grid": {"epsilon": [0.1, 0.1]}}]}, "'fake,epsilon=0.1' appears twice"),
        ({"agents": [{"agent": FAKE, "grid": {"epsilon": [0.1]}, "hyperparameters": {"epsilon": 0.2}}]}, "'epsilon' stands in grid and in"),
        ({"agents": [{"agent": FAKE, "resources": {"thread": 1}}]}, "resources: unknown key 'thread'; did you mean 'threads'"),
        ({"agents": [{"agent": FAKE, "resources": {"workers": 1}}]}, "resources: unknown key 'workers'"),
        ({"agents": [{"agent": FAKE, "resources": {"threads": 0}}]}, "agent 'fake': resources.threads=0: Input should be"),
        ({"agents": [{"agent": FAKE, "name": 3}]}, "agents: name=3 must be a string"),
        ({"envs": [{"id": "CartPole-v1", "budget": {"env_step": 1}}]}, "envs: CartPole-v1: budget: unknown key 'env_step'"),
        ({"envs": [{"id": "CartPole-v1", "hyperparameters": {"dqm": {}}}]}, "envs: CartPole-v1: hyperparameters.dqm names no algorithm"),
        ({"envs": [{"id": "CartPole-v1", "hyperparameters": {"fake": {"epsilon": 7}}}]}, "epsilon=7: Input should be less than"),
        ({"envs": [{"id": "CartPole-v1", "wrappers": "atari"}]}, "envs: CartPole-v1.wrappers='atari': Input should be a valid"),
        ({"envs": [{"id": "CartPole-v1", "wrappers": [{"path": "a:B"}]}]}, "envs: CartPole-v1: wrappers: unknown key 'path'"),
        ({"envs": [{"id": "CartPole-v1", "wrappers": [3]}]}, "envs: CartPole-v1.wrappers.0"),
        ({"envs": [3]}, "envs: 3 must be an id or a table with the key 'id'"),
        ({"tuning": {"dqm": {}}}, "tuning.dqm names no algorithm or agent"),
        ({"tournament": 3}, "tournament=3 must be a table"),
        ({"executor": {"kind": "rai"}}, "executor.kind='rai': Input should be 'local' or 'ray'"),
        ({"seeds": "until-decide"}, "seeds='until-decide': give a count, a list, or 'until-decided'; did you mean 'until-decided'"),
        ({"seeds": True}, "seeds=True"),
        ({"seeds": 10**11}, "seeds=100000000000: a count may be at most 10,000"),
        ({"seeds": [1.5]}, "seeds.0=1.5: Input should be a valid integer"),
        ({"seeds": 2, "until-decided": {}}, "the table 'until-decided' needs seeds"),
        ({"seeds": "until-decided", "until-decided": {"max_seeds": 7}}, "max_seeds=7 must be a multiple of group_size=5"),
        ({"checkpoint_period": 0}, "checkpoint_period=0: Input should be greater than or equal to 1"),
        ({"log_period": "1000"}, "log_period='1000': Input should be a valid integer"),
        ({"seed": -1}, "seed=-1: must not be negative"),
    ],
)
def test_bad_input_names_the_thing(change: dict[str, Any], message: str):
    with pytest.raises(ArenaError) as caught:
        from_table({**MINIMAL, **change})
    assert message in str(caught.value)
