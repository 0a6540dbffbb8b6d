import dataclasses
from typing import Any

import pytest

from arena.environments.references import Catalogue, Reference, Score
from arena.errors import ArenaError
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.experiment.scores import check_scores, comparable_by_seed, seed_scores
from arena.run_folder.result import RunResult

FAKE = "arena.testing.fakes:FAKE_AGENT"
CHANGED = {"id": "CartPole-v1", "kwargs": {"sutton_barto_reward": True}}
"""CartPole with an argument that turns its returns of 0 to 500 into 0 or -1."""


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the reference scores of two environments known, and no others."""
    references = {"CartPole-v1": reference("CartPole-v1", 20.0, 500.0), "Acrobot-v1": reference("Acrobot-v1", -500.0, -100.0)}
    pendulum = reference("Pendulum-v1", -1_200.0, -100.0)
    references["Pendulum-v1"] = dataclasses.replace(pendulum, upper_bound=Score(0.0, "test"))
    monkeypatch.setattr("arena.experiment.scores.catalogue", lambda: Catalogue(references))


def reference(env_id: str, random: float, solved: float) -> Reference:
    return Reference(env_id=env_id, random=Score(random, "test"), threshold=Score(solved, "test"), lower_bound=None, upper_bound=None)


def experiment(*envs: Any) -> Experiment:
    return from_table({"name": "t", "agents": [{"agent": FAKE, "name": "a"}], "envs": list(envs)})


def result(env: str, seed: int, score: float | None) -> RunResult:
    status = "finished" if score is not None else "diverged"
    return RunResult(status=status, agent="a", env=env, seed=seed, path="", score_mean=score)


def test_one_environment_counts_with_its_own_returns():
    wanted = experiment("FrozenLake-v1")
    check_scores(wanted)
    assert seed_scores(wanted, [result("FrozenLake-v1", 0, 0.5), result("FrozenLake-v1", 1, 0.7)]) == {"a": {0: 0.5, 1: 0.7}}


@pytest.mark.parametrize(("finished", "expected"), [(300.0, 20.0), (12.0, 12.0)])
def test_a_failed_run_stands_at_the_worse_of_random_play_and_the_worst_that_finished_and_below_it(finished, expected):
    scores = seed_scores(experiment("CartPole-v1"), [result("CartPole-v1", 0, None), result("CartPole-v1", 1, finished)])["a"]
    assert scores[0] == pytest.approx(expected, abs=1e-3)
    assert scores[0] < min(20.0, scores[1])


def test_failed_runs_tie_and_a_run_that_a_search_gave_up_has_no_score():
    pruned = RunResult(status="pruned", agent="a", env="CartPole-v1", seed=2, path="")
    scores = seed_scores(experiment("CartPole-v1"), [result("CartPole-v1", 0, None), result("CartPole-v1", 1, None), pruned])["a"]
    assert scores == {0: scores[0], 1: scores[0]}


def test_several_environments_count_alike():
    wanted = experiment("CartPole-v1", "Acrobot-v1")
    check_scores(wanted)
    scores = seed_scores(wanted, [result("CartPole-v1", 0, 260.0), result("Acrobot-v1", 0, -100.0)])
    assert scores == {"a": {0: pytest.approx((0.5 + 1.0) / 2)}}


def test_environments_without_reference_scores_cannot_be_averaged():
    with pytest.raises(ArenaError, match=r"FrozenLake-v1 has no reference scores, so its returns cannot be averaged"):
        check_scores(experiment("FrozenLake-v1", "CartPole-v1"))


def test_reference_scores_do_not_hold_where_the_environment_is_made_with_arguments():
    with pytest.raises(ArenaError, match=r"CartPole-v1,sutton_barto_reward=True has no reference scores"):
        check_scores(experiment(CHANGED, "Acrobot-v1"))
    with pytest.raises(ArenaError, match="nobody finished there, and there is no reference for random play"):
        seed_scores(experiment(CHANGED), [result("CartPole-v1,sutton_barto_reward=True", 0, None)])


def test_an_impossible_return_is_refused_and_names_the_environment():
    with pytest.raises(ArenaError, match=r"a/Pendulum-v1/seed-0 returned 3, and no episode can return more than 0 \(test\)"):
        seed_scores(experiment("Pendulum-v1"), [result("Pendulum-v1", 0, 3.0)])


def test_runs_are_compared_on_each_environment_apart_whatever_is_known_of_it():
    wanted = experiment("FrozenLake-v1", "CartPole-v1")
    results = [result("CartPole-v1", 1, 30.0), result("FrozenLake-v1", 0, 0.5), result("CartPole-v1", 0, None)]
    [by_env] = comparable_by_seed(wanted, results).values()
    assert by_env["FrozenLake-v1"] == [0.5]
    assert by_env["CartPole-v1"][1] == 30.0
    assert by_env["CartPole-v1"][0] < 30.0, "a failed run is below all others"
