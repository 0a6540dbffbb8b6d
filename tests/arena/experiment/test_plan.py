"""Plans and states, from run folders written by hand."""

import dataclasses
import json
from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.experiment.folder import refuse_changes
from arena.experiment.plan import agent_differences, env_differences, make_plan
from arena.formats.locks import FolderLock
from arena.run_folder import schema
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult
from arena.run_folder.status import progress

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


def selection(env_steps: int, train_seconds: float, mean: float) -> str:
    row = {"kind": "selection", "env_steps": env_steps, "train_seconds": train_seconds, "episode_return_mean": mean}
    return json.dumps({**row, "episode_returns": [mean], "episode_lengths": [1]}) + "\n"


def episode(env_steps: int) -> str:
    return json.dumps({"env_steps": env_steps, "episode_return": 1.0, "episode_length": 1, "terminated": True}) + "\n"


SECONDS = {"import": 1.0, "build": 2.0, "train": 6.0, "evaluate": 1.0, "checkpoint": 1.0, "env": 5.0}


def test_the_time_comes_from_finished_runs_of_the_same_agent_and_env(tmp_path: Path):
    earlier = experiment(tmp_path, name="earlier", seeds=2)
    write_run(earlier, 0, status="finished", env_steps=2_000, seconds=SECONDS)
    write_run(earlier, 1, status="crashed", env_steps=1, seconds={"train": 1_000.0})
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


def test_a_run_is_at_work_while_its_lock_is_held(tmp_path: Path):
    run_dir = write_run(experiment(tmp_path))
    run_dir.evaluations.write_text(selection(1_000, 2.5, 12.5) + selection(2_000, 4.5, 2.5) + '{"kind":"sel')
    with FolderLock(run_dir.path):
        state = progress(run_dir, "x")
    assert (state.state, state.env_steps, state.max_env_steps, state.best_return) == ("running", 2_000, 4_000, 12.5)
    assert state.age_seconds is not None
    assert progress(run_dir, "x").state == "interrupted"


def test_a_run_that_left_no_result_has_its_last_known_counts(tmp_path: Path):
    run_dir = write_run(experiment(tmp_path))
    assert RunRecord(run_dir.path).last_known()["env_steps"] == 0
    write_checkpoint(run_dir, 1_000, policy_env_steps=500)
    assert RunRecord(run_dir.path).last_known() == {
        "env_steps": 1_000,
        "num_episodes": 0,
        "learner_steps": 7,
        "policy_env_steps": 500,
        "seconds": {"train": 1.0},
        "num_attempts": 2,
    }
    run_dir.evaluations.write_text(selection(1_500, 1.5, 1.0))
    run_dir.episodes.write_text(episode(800) + episode(1_700) + '{"env_ste')
    known = RunRecord(run_dir.path).last_known()
    assert (known["env_steps"], known["num_episodes"], known["seconds"]) == (1_700, 2, {"train": 1.5})


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


def test_a_changed_file_is_refused_with_every_difference_and_its_runs(tmp_path: Path):
    wanted = experiment(tmp_path, seeds=2)
    write_run(wanted, 0)
    write_run(wanted, 1)
    refuse_changes(wanted.path, list(wanted.runs()))
    changed = experiment(tmp_path, seeds=3, hyperparameters={"fake": {"epsilon": 0.5}}, budget={"env_steps": 5_000})
    with pytest.raises(ArenaError, match=r"epsilon: 0\.2 there, 0\.5 wanted; .*start a new experiment beside it with --name") as caught:
        refuse_changes(changed.path, list(changed.runs()))
    notes = caught.value.__notes__
    assert "  budget.env_steps: 4000 there, 5000 wanted (fake/CartPole-v1/seed-0 and 1 more)" in notes
    refuse_changes(changed.path, list(dataclasses.replace(changed, name="other", seeds=(2,)).runs()))


@pytest.mark.parametrize("inputs", [[], "x", None, {"budget": []}, {"budget": {"env_steps": "many"}}])
def test_a_run_file_that_does_not_say_what_was_run_is_named(tmp_path: Path, inputs):
    run_dir = write_run(experiment(tmp_path))
    run_dir.run.write_text(json.dumps({"schema_version": 1, "inputs": inputs}))
    with pytest.raises(ArenaError, match=r"run\.json: .*; it was not written by this version of arena-rl"):
        progress(run_dir, "x")


@pytest.mark.parametrize(
    "state", [{}, {"meter": []}, {"meter": "x"}, {"meter": [1], "progress": []}, {"meter": [1], "progress": {"seconds": 1}}]
)
def test_a_checkpoint_that_another_program_wrote_is_named(tmp_path: Path, state):
    run_dir = write_run(experiment(tmp_path))
    write_checkpoint(run_dir, 1_000)
    (run_dir.latest_checkpoint() / "training.json").write_text(json.dumps(state))
    with pytest.raises(ArenaError, match=r"training\.json isn't a checkpoint"):
        progress(run_dir, "x")


@pytest.mark.parametrize("line", ["[]", "{}", '{"kind": "selection"}', "3", "{", '{"kind":"selection","env_steps":"x","train_seconds":1}'])
def test_an_evaluation_that_another_program_wrote_is_named(tmp_path: Path, line):
    run_dir = write_run(experiment(tmp_path))
    run_dir.evaluations.write_text(selection(1_000, 2.5, 12.5) + line + "\n")
    with pytest.raises(ArenaError, match=r"evaluations\.jsonl, line 2: "):
        progress(run_dir, "x")


def test_a_run_that_was_made_ready_and_has_not_begun_is_to_do(tmp_path: Path):
    wanted = experiment(tmp_path)
    run_dir = write_run(wanted)
    assert progress(run_dir, "x").state == "to do"
    run_dir.log.touch()
    assert progress(run_dir, "x").state == "interrupted"
