import numpy as np
import pytest

from arena.environments.references import Catalogue, Reference, Score
from arena.report.load import load_runs
from arena.report.samples import Samples

CARTPOLE = Reference(
    env_id="CartPole-v1",
    random=Score(20.0, "test"),
    threshold=Score(120.0, "test"),
    lower_bound=Score(0.0, "test"),
    upper_bound=None,
)
CATALOGUE = Catalogue({"CartPole-v1": CARTPOLE})


@pytest.fixture
def samples(tmp_path, write_run):
    for seed, final in enumerate([(100.0, 140.0), (60.0, 80.0)]):
        write_run(tmp_path, "a", seed, final=final)
    write_run(tmp_path, "a", 2, status="crashed")
    write_run(tmp_path, "a", 3, status=None)
    write_run(tmp_path, "b", 0)
    write_run(tmp_path, "b", 0, env="Acrobot-v1", final=(-90.0, -80.0), curve=[(500, 1.0, -500.0)])
    write_run(tmp_path, "b", 1, env="Acrobot-v1", status="killed", curve=[(500, 1.0, -400.0)])
    return Samples(load_runs([tmp_path]).runs, CATALOGUE)


def test_a_failed_run_takes_random_play_and_an_unfinished_one_nothing(samples):
    assert samples.returns("a", "CartPole-v1").tolist() == [[100.0, 140.0], [60.0, 80.0], [20.0, 20.0]]
    assert samples.returns("a", "CartPole-v1", with_failed=False).tolist() == [[100.0, 140.0], [60.0, 80.0]]
    assert samples.scores("a", "CartPole-v1") == pytest.approx(np.array([[0.8, 1.2], [0.4, 0.6], [0.0, 0.0]]))


def test_a_failed_run_takes_the_worst_return_that_anyone_finished_with_if_that_is_worse_or_random_play_unknown(
    samples, tmp_path, write_run
):
    assert (samples.scales["Acrobot-v1"].start, samples.scales["Acrobot-v1"].failed) == (-500.0, -85.0)
    assert samples.returns("b", "Acrobot-v1").tolist() == [[-90.0, -80.0], [-85.0, -85.0]]
    write_run(tmp_path, "c", 0, final=(5.0, 7.0))
    worse = Samples(load_runs([tmp_path]).runs, CATALOGUE)
    assert (worse.scales["CartPole-v1"].start, worse.scales["CartPole-v1"].failed) == (20.0, 6.0)
    assert worse.returns("a", "CartPole-v1")[2].tolist() == [6.0, 6.0]
    assert samples.scales["Acrobot-v1"].solved is None


def test_bounds_are_the_references_or_infinite(samples):
    assert samples.scales["CartPole-v1"].bounds == (0.0, np.inf)
    assert samples.scales["Acrobot-v1"].bounds == (-np.inf, np.inf)


def test_only_environments_with_references_and_an_outcome_of_every_agent_are_scored(samples, tmp_path, write_run):
    assert samples.scored_envs() == ["CartPole-v1"]
    write_run(tmp_path, "c", 0, env="Acrobot-v1")
    assert Samples(load_runs([tmp_path]).runs, CATALOGUE).scored_envs() == []


def test_what_pairs_are_compared_by_leaves_out_where_an_agent_has_no_outcome(samples):
    values = samples.comparable()
    assert values["a"]["CartPole-v1"] == pytest.approx(np.array([120.0, 70.0, 20.0]), abs=1e-3)
    assert (list(values["a"]), list(values["b"])) == (["CartPole-v1"], ["Acrobot-v1", "CartPole-v1"])


def test_a_failed_run_loses_to_every_finished_one_of_any_agent_and_ties_with_other_failed_ones(tmp_path, write_run):
    for status in ("crashed", "timed_out", "killed", "diverged"):
        write_run(tmp_path, status, 0, status=status)
    write_run(tmp_path, "last", 0, final=(3.0, 3.0))
    write_run(tmp_path, "best", 0)
    write_run(tmp_path, "given-up", 0, status="pruned")
    values = {
        agent: by_env["CartPole-v1"].tolist()
        for agent, by_env in Samples(load_runs([tmp_path]).runs, CATALOGUE).comparable().items()
        if by_env
    }
    assert values.keys() == {"crashed", "timed_out", "killed", "diverged", "last", "best"}, "a run that a search gave up has no outcome"
    assert values["crashed"] == values["timed_out"] == values["killed"] == values["diverged"]
    assert values["crashed"] < values["last"] < values["best"]
