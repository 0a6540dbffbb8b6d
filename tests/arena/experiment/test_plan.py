"""Plans and states, from run folders written by hand."""

import json
from pathlib import Path

import pytest

from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.experiment.plan import agent_differences, env_differences, make_plan
from arena.run_folder import schema
from arena.run_folder.folder import RunDir
from arena.run_folder.result import RunResult
from arena.run_folder.timings import Timings

FAKE = "arena.testing.fakes:FAKE_AGENT"


def experiment(folder: Path, **changes) -> Experiment:
    table = {"name": "test", "output": str(folder), "agents": [FAKE], "envs": ["CartPole-v1"], "budget": {"env_steps": 4_000}}
    return from_table({**table, "resources": {"workers": 2}, **changes})


def write_run(wanted: Experiment, index: int = 0, **result) -> RunDir:
    run = list(wanted.runs())[index]
    run_dir = RunDir(wanted.path / run.name)
    run_dir.path.mkdir(parents=True)
    schema.write_run(run_dir, run)
    if result:
        schema.write_result(run_dir, RunResult(agent=run.agent.name, env=run.env.name, seed=run.seed, path=str(run_dir.path), **result))
    return run_dir


def write_checkpoint(run_dir: RunDir, env_steps: int, **progress_fields) -> None:
    directory = run_dir.new_checkpoint(env_steps)
    state = {
        "meter": [env_steps, 0.1, 3, 0],
        "progress": {"learner_steps": 7, "policy_env_steps": None, "num_attempts": 2, "seconds": {"train": 1.0}, **progress_fields},
    }
    (directory / "training.json").write_text(json.dumps(state))
    run_dir.commit_checkpoint(directory)


SECONDS = Timings(import_=1.0, build=2.0, train=6.0, evaluate=1.0, checkpoint=1.0, env=5.0)


def test_the_time_comes_from_finished_runs_of_the_same_agent_and_env(tmp_path: Path):
    earlier = experiment(tmp_path, name="earlier", seeds=2)
    write_run(earlier, 0, status="finished", env_steps=2_000, seconds=SECONDS)
    write_run(earlier, 1, status="crashed", env_steps=1, seconds=Timings(train=1_000.0))
    plan = make_plan(experiment(tmp_path, seeds=3))
    each = 3.0 + 8.0 / 2_000 * 4_000
    assert [planned.seconds for planned in plan.runs] == [each] * 3
    assert plan.seconds == pytest.approx(3 * each / 2)
    assert make_plan(experiment(tmp_path, seeds=1)).seconds == each, "one run does not get quicker by a second worker"
    assert make_plan(experiment(tmp_path, envs=["Acrobot-v1"])).seconds is None
    assert not (tmp_path / "test").exists(), "planning writes nothing"


def test_what_is_done_costs_nothing_and_what_was_cut_only_the_rest(tmp_path: Path):
    wanted = experiment(tmp_path, seeds=4)
    write_run(wanted, 0, status="finished", env_steps=2_000, seconds=SECONDS, score_mean=9.0)
    write_checkpoint(write_run(wanted, 1), 1_000)
    write_run(wanted, 2, status="diverged", env_steps=400, reason="td is nan")
    plan = make_plan(wanted)
    assert [planned.progress.state for planned in plan.runs] == ["finished", "interrupted", "failed", "to do"]
    assert [planned.seconds for planned in plan.runs] == [0.0, 3.0 + 0.004 * 3_000, 0.0, 3.0 + 0.004 * 4_000]
    assert make_plan(wanted, retry_failed=True).runs[2].seconds == 19.0
    assert plan.runs[1].progress.checkpoint_env_steps == 1_000
    assert plan.runs[2].progress.reason == "diverged: td is nan"


def test_agents_of_one_algorithm_are_set_against_each_other():
    agents = ["keras-dqn", {"agent": "tfagents-dqn", "hyperparameters": {"double": True}}, "keras-ppo"]
    table = {"name": "t", "agents": agents, "envs": ["CartPole-v1", {"id": "Acrobot-v1", "hyperparameters": {"ppo": {"num_epochs": 3}}}]}
    found = agent_differences(from_table(table))
    assert found.keys() == {"dqn"}
    assert (found["dqn"]["keras-dqn"]["double"], found["dqn"]["tfagents-dqn"]["double"]) == (False, True)
    assert "backend" in found["dqn"]["keras-dqn"]
    assert "backend" not in found["dqn"]["tfagents-dqn"]
    assert "learning_rate" not in found["dqn"]["keras-dqn"]
    assert env_differences(from_table(table)) == {"Acrobot-v1": {"keras-ppo": {"num_epochs": 3}}}
