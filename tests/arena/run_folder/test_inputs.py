import json

import pytest

from arena.environments.config import EnvConfig, WrapperConfig
from arena.errors import ArenaError
from arena.experiment.file import from_table
from arena.formats.validation import validate
from arena.run_folder.inputs import AgentEntry, Run
from arena.testing.fakes import FAKE_AGENT

FAKE = "arena.testing.fakes:FAKE_AGENT"
MINIMAL = {"name": "test", "agents": [FAKE], "envs": ["CartPole-v1"]}


def test_inputs_survive_json():
    run = next(from_table({**MINIMAL, "envs": [{"id": "CartPole-v1", "kwargs": {"sutton_barto_reward": True}}]}).runs())
    again = validate(Run, run.inputs())
    assert again.inputs() == json.loads(json.dumps(run.inputs()))
    assert again.env == EnvConfig("CartPole-v1", {"sutton_barto_reward": True})
    assert again.env.name == "CartPole-v1,sutton_barto_reward=True"


def test_inputs_have_wrappers_where_there_are_any():
    entry = {"id": "CartPole-v1", "wrappers": ["a:B", {"wrapper": "a:C", "kwargs": {"size": [8, 8]}}], "train_wrappers": ["a:D"]}
    entry |= {"text_encoder": "a:encode", "action_mask_key": "mask"}
    plain, run = (next(from_table({**MINIMAL, "envs": [env]}).runs()) for env in ("CartPole-v1", entry))
    assert plain.inputs()["env"].keys() == {"id", "kwargs", "label"}  # as in run folders of earlier versions
    assert run.env.wrappers == (WrapperConfig("a:B"), WrapperConfig("a:C", {"size": [8, 8]}))
    assert run.env.train_wrappers == (WrapperConfig("a:D"),)
    assert (run.env.text_encoder, run.env.action_mask_key) == ("a:encode", "mask")
    again = validate(Run, json.loads(json.dumps(run.inputs())))
    assert again.env == run.env
    assert again.inputs() == json.loads(json.dumps(run.inputs()))
    assert run.code_names()[1:] == ("a:B", "a:C", "a:D", "a:encode")


def test_inputs_are_all_that_decides_the_outcome_and_nothing_else():
    agents = [{"agent": FAKE, "resources": {"threads": 4}}]
    run = next(from_table({**MINIMAL, "agents": agents, "tuning": {"fake": {"trials": 3}}}).runs())
    assert run.agent.tuning == {"trials": 3}
    inputs = run.inputs()
    assert inputs.keys() == {"agent", "env", "seed", "experiment_seed", "budget", "evaluation", "checkpoint_period", "log_period"}
    assert inputs["agent"].keys() == {"name", "agent", "hyperparameters"}
    assert validate(Run, {**inputs, "resources": {"threads": 4}}).resources.threads == 4


def test_a_run_knows_its_agents_spec_and_config():
    run = next(from_table({**MINIMAL, "hyperparameters": {"fake": {"epsilon": 0.5}}}).runs())
    assert run.spec() is FAKE_AGENT
    assert run.config() == FAKE_AGENT.config(epsilon=0.5)


def test_a_hyperparameter_that_the_agent_does_not_have_is_refused_with_the_agents_name():
    entry = AgentEntry(name="mine", agent=FAKE, hyperparameters={"epsilom": 0.5})
    with pytest.raises(ArenaError, match=r"agent 'mine' has no hyperparameter 'epsilom'; did you mean 'epsilon'"):
        entry.config()


@pytest.mark.parametrize("device", ["cpu\n", "cuda:1\n", "cuda:\u0661", " cpu", "tpu"])
def test_a_device_is_one_of_the_words_to_the_last_character(device: str):
    with pytest.raises(ArenaError, match="give auto, cpu, cuda or cuda:N"):
        from_table({**MINIMAL, "resources": {"device": device}})
