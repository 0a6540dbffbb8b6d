import pytest

from arena.agent.hyperparameters import build_config
from arena.agent.registry import agent_spec
from benchmarks.scale_points import runs_points, scaled_hyperparameters, updates_per_env_step, warm_steps

NUM_ENVS = (1, 4, 16, 64, 256, 1_024, 4_096)


@pytest.mark.parametrize("agent", ["keras-ppo", "rllib-ppo", "keras-dqn", "tfagents-dqn", "kerasrl-dqn"])
def test_the_work_for_each_env_step_is_the_same_all_along_a_row(agent: str):
    found = [scaled_hyperparameters(agent, num_envs) for num_envs in NUM_ENVS]
    for num_envs, hyperparameters in zip(NUM_ENVS, found, strict=True):
        config = build_config(agent_spec(agent).config, hyperparameters, where=agent)  # refuses what cannot be
        assert config.num_envs == num_envs
    assert len({updates_per_env_step(hyperparameters) for hyperparameters in found}) == 1
    same = {"hidden_sizes", "batch_size", "num_epochs", "num_updates", "train_period", "target_update_period", "learning_starts"}
    assert len({tuple(hyperparameters.get(name) for name in sorted(same)) for hyperparameters in found}) == 1
    if "rollout_length" in found[0]:
        assert {hyperparameters["rollout_length"] * hyperparameters["num_envs"] for hyperparameters in found} == {4_096}
        assert warm_steps(found[0]) == 1
    else:
        assert warm_steps(found[0]) == 256 + 256  # a burst is part of it


def test_a_rollout_is_never_shorter_than_asked_for():
    for num_envs in (3, 100, 5_000):
        assert scaled_hyperparameters("keras-ppo", num_envs)["rollout_length"] * num_envs >= 4_096


def test_a_width_is_that_of_both_hidden_layers():
    found = scaled_hyperparameters("keras-ppo", 64, 1_024, width=2_048)
    assert found["hidden_sizes"] == (2_048, 2_048)
    assert found["rollout_length"] == 16


def test_threads_are_shared_out_and_what_shares_cores_is_also_queued():
    found = runs_points(["parallel"], [1, 2, 4, 8], [], num_cores=4)
    assert [(runs.num_runs, runs.workers, runs.threads) for runs in found] == [(1, 1, 4), (2, 2, 2), (4, 4, 1), (8, 8, 1), (8, 0, 1)]
    assert [runs.is_oversubscribed(4) for runs in found] == [False, False, False, True, False]
    assert [runs.at_once(4) for runs in found] == [1, 2, 4, 8, 4]


def test_a_point_of_two_tables_is_measured_once_and_the_cluster_comes_last():
    found = runs_points(["parallel", "ray"], [1, 2], [2, 1], num_cores=2)
    assert [(runs.tables, runs.executor, runs.num_runs, runs.threads) for runs in found] == [
        (("parallel",), "local", 1, 2),
        (("parallel", "ray"), "local", 2, 1),
        (("ray",), "local", 1, 1),
        (("ray",), "ray", 1, 1),
        (("ray",), "ray", 2, 1),
    ]
