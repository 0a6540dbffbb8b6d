from pathlib import Path

import pytest

import arena
from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.experiment.one_run import one_run, train

FAKE = "arena.testing.fakes:FAKE_AGENT"


def test_one_run_is_the_experiment_that_it_says(tmp_path: Path):
    env = EnvConfig("CartPole-v1", kwargs={"sutton_barto_reward": True})
    experiment = one_run(FAKE, env, {"epsilon": 0.5}, {"env_steps": 200}, {"threads": 2}, seed=7, name="mine", output=tmp_path)
    [run] = experiment.runs()
    assert (experiment.path, run.seed, run.env, run.budget.env_steps, run.resources.threads) == (tmp_path / "mine", 7, env, 200, 2)
    assert run.agent.hyperparameters["epsilon"] == 0.5


def test_what_is_wrong_is_said_before_anything_is_written(tmp_path: Path):
    with pytest.raises(ArenaError, match="no hyperparameter 'epsilom'; did you mean 'epsilon'"):
        train(FAKE, "CartPole-v1", hyperparameters={"epsilom": 1}, output=tmp_path)
    with pytest.raises(ArenaError, match="did you mean 'CartPole-v1'"):
        train(FAKE, "CartPol-v1", output=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.worker
def test_a_run_from_python_is_trained_once_and_can_be_loaded(tmp_path: Path):
    record = arena.train(FAKE, "CartPole-v1", env_steps=300, seed=3, output=tmp_path)
    assert record.result is not None
    assert 296 < record.result.env_steps <= 300
    assert record.path == tmp_path / "train" / "fake" / "CartPole-v1" / "seed-3"
    written = record.files.result.read_bytes()
    again = arena.train(FAKE, "CartPole-v1", env_steps=300, seed=3, output=tmp_path)
    assert again.files.result.read_bytes() == written
    with pytest.raises(ArenaError, match="env_steps"):
        arena.train(FAKE, "CartPole-v1", env_steps=301, seed=3, output=tmp_path)
    assert [loaded.path for loaded in arena.load(tmp_path)] == [record.path]


@pytest.mark.worker
def test_a_run_that_fails_is_an_error_with_its_reason(tmp_path: Path):
    with pytest.raises(ArenaError, match=r"fake/CartPole-v1/seed-0 crashed: .*log in"):
        arena.train(FAKE, "CartPole-v1", env_steps=300, hyperparameters={"fault": "crash", "fault_env_steps": 100}, output=tmp_path)
