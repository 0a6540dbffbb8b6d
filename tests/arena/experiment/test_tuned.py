"""Tuned settings: the files that come with the arena, and how experiments and single runs use them."""

import dataclasses
from pathlib import Path

import pytest

from arena.agent.hyperparameters import build_config
from arena.agent.registry import agent_spec
from arena.environments.config import EnvConfig, WrapperConfig
from arena.errors import ArenaError
from arena.experiment import tuned
from arena.experiment.bundled import zoo_files
from arena.experiment.file import from_table
from arena.experiment.one_run import one_run
from arena.experiment.tuned import all_tuned, read_zoo_file, tuned_settings, zoo_hyperparameters

MEASURED = 'measured = { scores = [300.0, 500.0], train_seconds = 9.5, commit = "abc" }'
FILES = {
    "CartPole-v1": f"""
env = "CartPole-v1"
[hyperparameters.dqn]
learning_rate = 0.002
batch_size = 128
[agents.keras-dqn]
found = "by hand"
env_steps = 60000
{MEASURED}
[agents.rllib-dqn]
found = "by a search"
env_steps = 50000
hyperparameters = {{ batch_size = 32, overrides = {{ n_step = 3 }} }}
{MEASURED}
[agents.tfagents-dqn]
found = "by hand"
env_steps = 60000
""",
    "Acrobot-v1": f"""
env = "Acrobot-v1"
[agents.keras-dqn]
found = "by luck"
env_steps = 100000
hyperparameters = {{ learning_rate = 0.003 }}
{MEASURED}
""",
    "CliffWalking-v1,TimeAwareObservation": f"""
env = "CliffWalking-v1"
wrappers = ["gymnasium.wrappers:TimeAwareObservation"]
[agents.keras-dqn]
found = "by hand"
env_steps = 60000
{MEASURED}
""",
}


@pytest.fixture(autouse=True)
def zoo(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "bundled" in request.node.name:
        return
    for name, text in FILES.items():
        (tmp_path / f"{name}.toml").write_text(text)
    monkeypatch.setattr(tuned, "zoo_files", lambda: {name: tmp_path / f"{name}.toml" for name in FILES})


def test_every_bundled_file_is_for_its_environment_and_its_agents():
    assert zoo_files()
    for name, path in zoo_files().items():
        file = read_zoo_file(path)
        assert name == file.config.name
        algorithms = {agent_spec(agent).algorithm for agent in file.agents}
        assert algorithms >= file.hyperparameters.keys()
        for agent in file.agents:
            spec = agent_spec(agent)
            build_config(spec.config, zoo_hyperparameters(file, agent, spec.algorithm), where=f"{path}: {agent}")


def test_an_agents_own_values_override_those_of_its_algorithm():
    found = tuned_settings("rllib-dqn", EnvConfig("CartPole-v1"))
    assert found.hyperparameters == {"learning_rate": 0.002, "batch_size": 32, "overrides": {"n_step": 3}}
    record = {"settings": "tuned", "found": "by a search", "score": 400.0, "seeds": 2, "env_steps": 50_000, "commit": "abc"}
    assert found.record == record


def test_settings_for_a_wrapped_environment_are_for_it_alone():
    wrapped = EnvConfig("CliffWalking-v1", wrappers=(WrapperConfig("gymnasium.wrappers:TimeAwareObservation"),))
    found = tuned_settings("keras-dqn", dataclasses.replace(wrapped, label="cliff"))
    assert found.env == wrapped.name == "CliffWalking-v1,TimeAwareObservation"
    with pytest.raises(ArenaError, match=r"no tuned settings for 'CliffWalking-v1'.*CliffWalking-v1,TimeAwareObservation"):
        tuned_settings("keras-dqn", EnvConfig("CliffWalking-v1"))
    with pytest.raises(ArenaError, match="that they were tuned with; CliffWalking-v1,FlattenObservation is none of them"):
        tuned_settings("keras-dqn", EnvConfig("CliffWalking-v1", wrappers=(WrapperConfig("gymnasium.wrappers:FlattenObservation"),)))


@pytest.mark.parametrize(
    ("agent", "env", "told"),
    [
        (
            "keras-dqn",
            EnvConfig("CartPole-v0"),
            r"for 'CartPole-v0'; did you mean 'CartPole-v1'\? \(there are some for: Acrobot-v1, CartPole-v1, ",
        ),
        ("keras-dqm", EnvConfig("CartPole-v1"), r"no tuned settings of 'keras-dqm' for 'CartPole-v1'; did you mean 'keras-dqn'\?"),
        ("tfagents-dqn", EnvConfig("CartPole-v1"), r"\(there are some of: keras-dqn, rllib-dqn\)"),
        (
            "keras-dqn",
            EnvConfig("CartPole-v1", {"render_mode": None}),
            "without arguments and wrappers, or with the wrappers that",
        ),
    ],
)
def test_what_is_not_tuned_is_refused_with_what_is(agent: str, env: EnvConfig, told: str):
    with pytest.raises(ArenaError, match=told):
        tuned_settings(agent, env)


def test_a_wrong_key_names_the_file(tmp_path: Path):
    path = tmp_path / "CartPole-v1.toml"
    path.write_text(FILES["CartPole-v1"].replace("[agents.keras-dqn]", "[agents.keras-dqn]\nevaluation_perod = 5", 1))
    with pytest.raises(ArenaError, match=r"CartPole-v1\.toml: agents\.keras-dqn\.evaluation_perod=5: "):
        all_tuned()


def test_an_experiment_has_on_each_environment_its_own_settings():
    other = {"agent": "keras-dqn", "name": "changed", "hyperparameters": {"batch_size": 16}}
    table = {"agents": [{"agent": "keras-dqn", "hyperparameters": "tuned"}, other], "envs": ["CartPole-v1", "Acrobot-v1"]}
    runs = {(run.agent.name, run.env.id): run.agent for run in from_table(table).runs()}
    cartpole, acrobot = runs["keras-dqn", "CartPole-v1"], runs["keras-dqn", "Acrobot-v1"]
    assert (cartpole.hyperparameters["learning_rate"], cartpole.hyperparameters["batch_size"]) == (0.002, 128)
    assert (acrobot.hyperparameters["learning_rate"], acrobot.hyperparameters["batch_size"]) == (0.003, 64)
    assert [agent.tuning and agent.tuning["found"] for agent in (cartpole, acrobot)] == ["by hand", "by luck"]
    untuned = runs["changed", "CartPole-v1"]
    assert (untuned.hyperparameters["batch_size"], untuned.hyperparameters["learning_rate"], untuned.tuning) == (16, 1e-3, None)


def test_a_whole_experiment_is_tuned_and_an_environment_and_a_grid_override_it():
    env = {"id": "CartPole-v1", "hyperparameters": {"dqn": {"batch_size": 256}}}
    agents = [{"agent": "keras-dqn", "grid": {"discount": [0.9, 0.95]}}, "rllib-dqn"]
    experiment = from_table({"agents": agents, "envs": [env], "hyperparameters": "tuned"})
    values = {run.agent.name: run.agent.hyperparameters for run in experiment.runs()}
    assert values["keras-dqn,discount=0.9"]["learning_rate"] == 0.002
    assert [values[name]["discount"] for name in values if name.startswith("keras")] == [0.9, 0.95]
    assert {each["batch_size"] for each in values.values()} == {256}
    assert values["rllib-dqn"]["overrides"] == {"n_step": 3}


def test_an_environment_without_tuned_settings_refuses_the_experiment():
    with pytest.raises(ArenaError, match="no tuned settings of 'rllib-dqn' for 'Acrobot-v1'"):
        from_table({"agents": ["keras-dqn", "rllib-dqn"], "envs": ["CartPole-v1", "Acrobot-v1"], "hyperparameters": "tuned"})


@pytest.mark.parametrize("table", [{"hyperparameters": "tunned"}, {"agents": [{"agent": "keras-dqn", "hyperparameters": "tunned"}]}])
def test_another_word_is_refused_with_the_right_one(table: dict):
    with pytest.raises(ArenaError, match=r"hyperparameters='tunned' must be a table or 'tuned'; did you mean 'tuned'\?"):
        from_table({"agents": ["keras-dqn"], "envs": ["CartPole-v1"], **table})


def test_one_run_takes_the_budget_of_its_settings_and_says_what_was_changed(tmp_path: Path):
    place = {"seed": 0, "name": "n", "output": tmp_path}
    [run] = one_run("keras-dqn", "CartPole-v1", {"discount": 0.9}, {"env_steps": None}, {}, tuned=True, **place).runs()
    assert (run.budget.env_steps, run.agent.hyperparameters["discount"], run.agent.hyperparameters["batch_size"]) == (60_000, 0.9, 128)
    assert run.agent.tuning is not None
    assert (run.agent.tuning["settings"], run.agent.tuning["changed"]) == ("tuned", ["discount"])
    [shorter] = one_run("keras-dqn", "CartPole-v1", {}, {"env_steps": 500}, {}, tuned=True, **place).runs()
    assert shorter.budget.env_steps == 500
    assert "changed" not in (shorter.agent.tuning or {})
    [plain] = one_run("keras-dqn", "CartPole-v1", {}, {"env_steps": None}, {}, **place).runs()
    assert (plain.budget.env_steps, plain.agent.tuning) == (100_000, None)
