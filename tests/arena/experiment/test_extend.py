"""Runs that have ended and are continued with a larger budget."""

import shutil
from pathlib import Path
from typing import Any

import onnx
import pytest

from arena.errors import ArenaError
from arena.executors.local import LocalExecutor
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.experiment.runner import run_experiment
from arena.report.load import load_runs
from arena.run_folder.record import RunRecord

pytestmark = pytest.mark.worker
FAKE = "arena.testing.fakes:FAKE_AGENT"
FILES = ("episodes.jsonl", "evaluations.jsonl")


def experiment(folder: Path, env_steps: int, **budget: Any) -> Experiment:
    evaluation = {"period": 1_000, "episodes": 5, "final_episodes": 10}
    table = {"name": "test", "output": str(folder), "agents": [FAKE], "envs": ["arena/Identity-v0"], "evaluation": evaluation}
    return from_table({**table, "checkpoint_period": 1_000, "log_period": 1_000, "budget": {"env_steps": env_steps, **budget}})


def test_an_extended_run_is_the_run_that_had_the_larger_budget_from_the_beginning(tmp_path: Path):
    [straight] = run_experiment(experiment(tmp_path / "straight", 4_000), LocalExecutor(1))
    [short] = run_experiment(experiment(tmp_path / "extended", 2_000), LocalExecutor(1))
    assert short.env_steps == 2_000
    wanted = experiment(tmp_path / "extended", 4_000)
    with pytest.raises(ArenaError, match="--extend continues"):
        run_experiment(wanted, LocalExecutor(1))
    [extended] = run_experiment(wanted, LocalExecutor(1), extend=True)
    assert (extended.status, extended.env_steps, extended.num_attempts) == ("finished", 4_000, 2)
    for name in FILES:
        assert (Path(extended.path) / name).read_bytes() == (Path(straight.path) / name).read_bytes(), name
    graphs = [onnx.load(Path(result.path) / "policy.onnx").graph.SerializeToString() for result in (straight, extended)]
    assert graphs[0] == graphs[1], "what the file says of its inputs differs"
    record = RunRecord(Path(extended.path))
    assert record.run.extended_from == (2_000,)
    assert record.result == extended, "the seal holds"
    assert run_experiment(wanted, LocalExecutor(1), extend=True) == [extended], "once is enough"
    assert run_experiment(wanted, LocalExecutor(1)) == [extended]
    [loaded] = load_runs([wanted.path]).runs
    assert loaded.run.extended_from == (2_000,)


def test_a_run_that_held_its_target_has_no_use_for_a_larger_budget(tmp_path: Path):
    target = {"target_return": 100.0, "target_episodes": 20}
    [first] = run_experiment(experiment(tmp_path, 50_000, **target), LocalExecutor(1))
    [again] = run_experiment(experiment(tmp_path, 60_000, **target), LocalExecutor(1), extend=True)
    assert (again.status, again.env_steps, again.reason) == ("finished", first.env_steps, first.reason)
    assert again.score_mean == first.score_mean


def test_a_run_without_a_checkpoint_is_refused_and_left_as_it_is(tmp_path: Path):
    [first] = run_experiment(experiment(tmp_path, 2_000), LocalExecutor(1))
    shutil.rmtree(Path(first.path) / "checkpoint")
    with pytest.raises(ArenaError, match="has no checkpoint from which it could be extended"):
        run_experiment(experiment(tmp_path, 4_000), LocalExecutor(1), extend=True)
    assert RunRecord(Path(first.path)).result == first


def test_a_run_whose_learning_rate_ends_before_the_new_budget_is_refused(tmp_path: Path):
    def annealed(env_steps: int) -> Experiment:
        agents = [{"agent": "keras-ppo", "hyperparameters": {"anneal_steps": 2_000}}]
        return from_table(
            {"name": "test", "output": str(tmp_path), "agents": agents, "envs": ["CartPole-v1"], "budget": {"env_steps": env_steps}}
        )

    class Nothing:
        def check(self, tasks: Any) -> None:
            """Accepts all."""

        def execute(self, *arguments: Any) -> None:
            """Runs nothing; the folders are made."""

    assert run_experiment(annealed(2_000), Nothing()) == []
    with pytest.raises(ArenaError, match="its learning rate is 0 after anneal_steps = 2,000"):
        run_experiment(annealed(4_000), Nothing(), extend=True)


def test_an_agent_begins_with_what_another_run_had_learned(tmp_path: Path):
    [base] = run_experiment(experiment(tmp_path / "base", 4_000), LocalExecutor(1))
    assert base.score_mean is not None

    def warm(folder: Path, init: object) -> Experiment:
        agents = [{"agent": FAKE, "name": "warm", "init": str(init)}]
        table = {"name": "test", "output": str(folder), "agents": agents, "envs": ["arena/Identity-v0"], "budget": {"env_steps": 400}}
        return from_table({**table, "evaluation": {"period": 400, "episodes": 5, "final_episodes": 10}})

    [result] = run_experiment(warm(tmp_path / "warm", Path(base.path).parent), LocalExecutor(1))
    [cold] = run_experiment(experiment(tmp_path / "cold", 400), LocalExecutor(1))
    assert (result.status, result.env_steps) == ("finished", 400)
    assert result.score_mean == base.score_mean, "all is known after a tenth of the env steps"
    assert cold.score_mean is not None
    assert cold.score_mean < base.score_mean, "too few to learn it"
    init = RunRecord(Path(result.path)).provenance.init
    assert init is not None
    assert (init["run"], init["env_steps"]) == (base.run_name, 4_000)
    [loaded] = load_runs([tmp_path / "warm"]).runs
    assert loaded.run.agent.init == str(Path(base.path).parent)
    (Path(base.path) / "checkpoint" / "env-steps-4000" / "agent" / "weights.npz").write_bytes(b"damaged")
    with pytest.raises(ArenaError, match=r"weights\.npz has 7 bytes"):
        run_experiment(warm(tmp_path / "again", base.path), LocalExecutor(1))
    assert not (tmp_path / "again").exists()
    assert run_experiment(warm(tmp_path / "warm", Path(base.path).parent), LocalExecutor(1)) == [result], (
        "what has finished needs it no more"
    )
