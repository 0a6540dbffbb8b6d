import json
from pathlib import Path

import pytest

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.experiment.file import from_table, from_toml
from arena.formats.validation import validate
from arena.run_folder.inputs import Run

FAKE = "arena.testing.fakes:FAKE_AGENT"
MINIMAL = {"name": "test", "agents": [FAKE], "envs": ["CartPole-v1"]}


def test_runs_are_the_product_with_seeds_outermost():
    experiment = from_table(
        {**MINIMAL, "agents": [FAKE, {"agent": FAKE, "name": "other"}], "envs": ["CartPole-v1", "Acrobot-v1"], "seeds": 2}
    )
    names = [run.name for run in experiment.runs()]
    assert len(names) == len(set(names)) == 8
    assert names[0] == "fake/CartPole-v1/seed-0"
    assert names[4] == "fake/CartPole-v1/seed-1"


def test_seeds_are_a_count_or_a_list():
    assert from_table({**MINIMAL, "seeds": 3}).seeds == (0, 1, 2)
    assert from_table({**MINIMAL, "seeds": [7, 3]}).seeds == (7, 3)


def test_hyperparameters_go_from_algorithm_to_agent_to_entry():
    blocks = {"q-learning": {"learning_rate": 0.1, "epsilon": 0.3, "discount": 0.5}, "fake": {"epsilon": 0.4, "discount": 0.6}}
    entry = {"agent": FAKE, "hyperparameters": {"discount": 0.7}}
    experiment = from_table({**MINIMAL, "agents": [entry], "hyperparameters": blocks})
    settings = experiment.agents[0].hyperparameters
    assert (settings["learning_rate"], settings["epsilon"], settings["discount"]) == (0.1, 0.4, 0.7)
    assert settings["num_envs"] == 4, "defaults are filled in"


def test_inputs_survive_json():
    run = next(from_table({**MINIMAL, "envs": [{"id": "CartPole-v1", "kwargs": {"sutton_barto_reward": True}}]}).runs())
    again = validate(Run, run.inputs())
    assert again.inputs() == json.loads(json.dumps(run.inputs()))
    assert again.env == EnvConfig("CartPole-v1", {"sutton_barto_reward": True})
    assert again.env.name == "CartPole-v1,sutton_barto_reward=True"


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
    ],
)
def test_bad_input_names_the_thing(change, message):
    with pytest.raises(ArenaError) as caught:
        from_table({**MINIMAL, **change})
    assert message in str(caught.value)


def test_malformed_toml_names_file_and_line(tmp_path: Path):
    path = tmp_path / "broken.toml"
    path.write_text('agents = ["random"]\nenvs = [\n')
    with pytest.raises(ArenaError, match=r"broken\.toml is not valid TOML: .*(line|end of document)"):
        from_toml(path)
    with pytest.raises(ArenaError, match=r"cannot read .*absent\.toml: No such file"):
        from_toml(tmp_path / "absent.toml")
