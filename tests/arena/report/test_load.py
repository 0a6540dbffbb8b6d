import pytest

from arena.errors import ArenaError
from arena.report.load import load_runs, selection_periods
from arena.run_folder.inputs import Budget, EvaluationProtocol


def test_runs_come_by_agent_env_and_seed_with_their_evaluations(tmp_path, write_run):
    write_run(tmp_path, "b", 1)
    write_run(tmp_path, "b", 0, status="crashed")
    write_run(tmp_path, "a", 0, status=None)
    write_run(tmp_path, "a", 1, status="pruned")
    runs = load_runs([tmp_path]).runs
    assert [(run.name, run.state) for run in runs] == [
        ("a/CartPole-v1/seed-0", "unfinished"),
        ("a/CartPole-v1/seed-1", "unfinished"),
        ("b/CartPole-v1/seed-0", "failed"),
        ("b/CartPole-v1/seed-1", "finished"),
    ]
    assert [(point.env_steps, point.train_seconds, point.episode_return_mean) for point in runs[3].selection] == [
        (500, 1.0, 100.0),
        (1_000, 2.0, 250.0),
    ]
    assert runs[3].final.episode_returns == (200.0, 300.0)
    assert runs[2].final is None


def test_folders_of_two_machines_are_merged_and_one_run_twice_counts_once(tmp_path, write_run):
    write_run(tmp_path / "one", "a", 0)
    write_run(tmp_path / "two", "a", 1)
    write_run(tmp_path / "two", "a", 0, curve=[(500, 7.0, 100.0), (1_000, 9.0, 250.0)])  # slower, otherwise the same
    assert [run.seed for run in load_runs([tmp_path / "one", tmp_path / "two"]).runs] == [0, 1]
    assert len(load_runs([tmp_path / "one", tmp_path / "one" / "a", tmp_path]).runs) == 2, "overlapping roots read a folder once"


def test_an_unfinished_copy_gives_way_to_the_finished_run(tmp_path, write_run):
    write_run(tmp_path / "one", "a", 0, status=None)
    write_run(tmp_path / "two", "a", 0)
    assert [run.state for run in load_runs([tmp_path]).runs] == ["finished"]
    assert [run.state for run in load_runs([tmp_path / "two", tmp_path / "one"]).runs] == ["finished"]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"seed": 1, "budget": Budget(env_steps=2_000)}, "other budgets.*env_steps=1000.*env_steps=2000"),
        ({"seed": 1, "evaluation": EvaluationProtocol(period=500, episodes=3)}, "other evaluation protocols.*episodes=2.*episodes=3"),
        ({"seed": 1, "experiment_seed": 5}, "other experiment seeds.*0.*5"),
        ({"seed": 1, "checkpoint_period": 500}, "other checkpoint periods.*250.*500"),
        ({"seed": 1, "hyperparameters": {"num_envs": 4}}, "'a' is two different agents.*num_envs=8.*num_envs=4"),
        ({"seed": 0, "final": (1.0, 2.0)}, "a/CartPole-v1/seed-0 was run twice with different outcomes.*keep one"),
        ({"seed": 0, "status": "crashed"}, "run twice with different outcomes"),
    ],
)
def test_incomparable_runs_are_refused_with_the_reason(tmp_path, write_run, other, message):
    write_run(tmp_path / "one", "a", 0)
    write_run(tmp_path / "two", "a", **other)
    with pytest.raises(ArenaError, match=message):
        load_runs([tmp_path / "one", tmp_path / "two"])


def test_agents_may_be_evaluated_at_periods_of_their_own_but_the_seeds_of_one_may_not(tmp_path, write_run):
    write_run(tmp_path, "a", 0)
    write_run(tmp_path, "b", 0, evaluation=EvaluationProtocol(period=250, episodes=2, final_episodes=2))
    assert selection_periods(load_runs([tmp_path]).runs) == {250: ["b"], 500: ["a"]}
    write_run(tmp_path, "a", 1, evaluation=EvaluationProtocol(period=250, episodes=2, final_episodes=2))
    with pytest.raises(ArenaError, match=r"agent 'a' were evaluated at two periods.*seed-0 every 500 env steps, .*seed-1 every 250"):
        load_runs([tmp_path])


def test_environments_may_have_budgets_and_hyperparameters_of_their_own(tmp_path, write_run):
    write_run(tmp_path, "a", 0)
    write_run(tmp_path, "a", 0, env="Acrobot-v1", budget=Budget(env_steps=9_000), hyperparameters={"num_envs": 4}, checkpoint_period=2_250)
    assert len(load_runs([tmp_path]).runs) == 2


def test_a_half_written_evaluation_is_left_out(tmp_path, write_run):
    path = write_run(tmp_path, "a", 0, status=None)
    with (path / "evaluations.jsonl").open("a") as file:
        file.write('{"kind":"selection","env_st')
    assert len(load_runs([tmp_path]).runs[0].selection) == 2


def test_what_holds_no_runs_is_refused(tmp_path):
    with pytest.raises(ArenaError, match="no run folders below"):
        load_runs([tmp_path])
    with pytest.raises(ArenaError, match=r"no folder .*missing"):
        load_runs([tmp_path / "missing"])
    (tmp_path / "run.json").write_text('{"schema_version": 1}')
    with pytest.raises(ArenaError, match=r"run\.json: inputs: Field required"):
        load_runs([tmp_path])
