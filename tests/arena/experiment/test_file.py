"""What a file can say beyond agents, environments and seeds: parents, grids, settings of one environment or one agent."""

from pathlib import Path
from typing import Any

import pytest

from arena.errors import ArenaError
from arena.experiment.file import from_table, from_toml
from arena.experiment.inheritance import load_table, merged
from arena.formats.validation import validate
from arena.run_folder.inputs import Run

FAKE = "arena.testing.fakes:FAKE_AGENT"
MINIMAL: dict[str, Any] = {"name": "test", "agents": [FAKE], "envs": ["CartPole-v1"]}


def settings(experiment, name: str) -> dict[str, Any]:
    return {run.name: run.agent.hyperparameters[name] for run in experiment.runs()}


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
    assert validate(Run, {**first.inputs(), "resources": {"threads": 4}}).resources.threads == 4


def test_files_extend_each_other_relative_to_themselves(tmp_path: Path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "root.toml").write_text('name = "root"\nseeds = [1, 2]\n[budget]\nenv_steps = 5000\ntarget_return = 7\n')
    (tmp_path / "parts" / "base.toml").write_text(
        f'extends = "root.toml"\nagents = ["{FAKE}"]\nenvs = ["CartPole-v1"]\n[hyperparameters.dqn]\ndouble = true\n'
        "[hyperparameters.fake]\nepsilon = 0.5\n[tuning.fake]\ntrials = 3\n"
    )
    (tmp_path / "child.toml").write_text('extends = "parts/base.toml"\nseeds = [3]\n[budget]\nenv_steps = 6000\n')
    experiment = from_toml(tmp_path / "child.toml")
    assert (experiment.name, experiment.seeds) == ("child", (3,)), "lists are replaced, and a name is not inherited"
    assert (experiment.budget.env_steps, experiment.budget.target_return) == (6_000, 7.0), "tables are merged"
    assert experiment.agents[0].hyperparameters["epsilon"] == 0.5, "and a parent's block for an agent that is not here is no error"
    assert experiment.agents[0].tuning == {"trials": 3}
    table, inherited = load_table(tmp_path / "child.toml")
    assert (table["budget"]["env_steps"], inherited["budget"]["env_steps"]) == (6_000, 5_000)


def test_a_file_that_extends_itself_is_refused(tmp_path: Path):
    (tmp_path / "a.toml").write_text('extends = "b.toml"\n')
    (tmp_path / "b.toml").write_text('extends = "a.toml"\n')
    with pytest.raises(ArenaError, match=r"b\.toml extends a\.toml, which extends it in turn"):
        from_toml(tmp_path / "a.toml")
    (tmp_path / "a.toml").write_text('extends = "absent.toml"\n')
    with pytest.raises(ArenaError, match=r"cannot read .*absent\.toml, which a\.toml extends: No such file"):
        from_toml(tmp_path / "a.toml")
    (tmp_path / "a.toml").write_text("extends = 3\n")
    with pytest.raises(ArenaError, match=r"extends=3 must be the path of a file"):
        from_toml(tmp_path / "a.toml")


def test_merging_takes_tables_key_by_key_and_replaces_the_rest():
    base = {"a": {"x": 1, "y": [1, 2]}, "b": 3, "c": {"z": 1}}
    assert merged(base, {"a": {"y": [9]}, "c": 4, "d": {}}) == {"a": {"x": 1, "y": [9]}, "b": 3, "c": 4, "d": {}}
    assert base["a"] == {"x": 1, "y": [1, 2]}


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
