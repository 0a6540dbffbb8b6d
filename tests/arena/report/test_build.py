import dataclasses
import json
import shutil
import tomllib

import numpy as np
import pytest

from arena.environments.config import EnvConfig
from arena.environments.references import Catalogue, Published, Reference, Score, catalogue
from arena.errors import ArenaError
from arena.experiment.file import from_toml
from arena.report.build import build_report
from arena.report.load import load_runs
from arena.report.page import render
from arena.report.repeat import experiment_toml
from arena.report.verdict import judge
from arena.run_folder.inputs import Budget, EvaluationProtocol
from arena.statistics.mean_intervals import MEAN_AND_IQM_NOTE

# Random play returns 20, solved is 120: scores are (return - 20) / 100.
CARTPOLE = Reference(
    env_id="CartPole-v1", random=Score(20.0, "r"), threshold=Score(120.0, "t"), lower_bound=Score(1.0, "l"), upper_bound=Score(500.0, "u")
)
PUBLISHED = Published(
    env_id="CartPole-v1",
    who="W",
    algorithm="random",
    value=90.0,
    std=5.0,
    env_steps=9,
    num_seeds=3,
    protocol="p",
    source="s",
    url="https://example.org/s",
)
CATALOGUE = Catalogue({"CartPole-v1": CARTPOLE}, (PUBLISHED, dataclasses.replace(PUBLISHED, algorithm="dqn")))


def report(tmp_path):
    return build_report(load_runs([tmp_path]).runs, CATALOGUE, title="test", command="arena report logs/test")


@pytest.fixture(scope="module")
def written(tmp_path_factory, write_run):
    """Agent b is better than a by a score of 0.5; both spread over 0.4. Tests read the folder only."""
    folder = tmp_path_factory.mktemp("five-seeds")
    for seed in range(5):
        for agent, shift in (("a", 0.0), ("b", 50.0)):
            value = 60.0 + shift + 10.0 * seed
            write_run(folder, agent, seed, final=(value - 1.0, value + 1.0), curve=[(500, 1.0, 20.0), (1_000, 2.0, value)])
    return folder


@pytest.fixture(scope="module")
def document(written):
    """The report on the folder that tests only read."""
    return report(written)


@pytest.fixture
def five_seeds(written, tmp_path):
    """A copy of that folder, for a test that adds to it."""
    return shutil.copytree(written, tmp_path / "five-seeds")


def test_scores_are_normalised_and_compared(document):
    iqm = {row.agent: row.estimate for row in document.aggregates if row.metric == "iqm"}
    assert (iqm["a"].value, iqm["b"].value) == pytest.approx((0.6, 1.1))
    assert iqm["a"].low < 0.6 < iqm["a"].high
    pair = document.pairs[0]
    assert (pair.x, pair.y, pair.probability.value) == ("a", "b", 0.0)
    assert pair.p_value_joint < 0.05
    result = document.results[1]
    assert (result.agent, result.returns, result.num_solved) == ("b", (110.0, 120.0, 130.0, 140.0, 150.0), 4)
    assert document.profiles[0].fractions[0] == 1.0
    assert document.notes[-1] == MEAN_AND_IQM_NOTE, "5 seeds"
    assert "5 seeds of each agent decide a pair with probability 80%" in document.notes[0]
    assert "With fewer than 10 seeds" in document.notes[1]
    assert len(document.notes) == 3


def test_agents_evaluated_at_different_periods_are_compared_by_final_scores_alone(document, five_seeds, write_run):
    alike = document
    for seed in range(5):
        value = 110.0 + 10.0 * seed
        write_run(five_seeds, "c", seed, final=(value, value), evaluation=EvaluationProtocol(period=250, episodes=2, final_episodes=2))
    document = report(five_seeds)
    assert {pair.x for pair in document.pairs} == {"a", "b"}
    assert next(pair for pair in document.pairs if pair.y == "c" and pair.x == "a").probability.value == 0.0
    assert (document.curves, document.rankings, document.times_to_threshold, document.saturated) == ((), (), (), ())
    assert alike.curves
    assert alike.rankings
    [note] = [note for note in document.notes if "different periods: every 250 env steps (c); every 500 env steps (a, b)." in note]
    assert "Only final scores are compared" in note
    assert "period" not in document.evaluation
    assert "period = 250" in document.experiment_file
    assert "Learning curves" not in render(document)


def test_the_same_folders_give_the_same_report_which_is_plain_json(document, written):
    assert document == report(written)
    assert json.loads(json.dumps(dataclasses.asdict(document)))["title"] == "test"


def test_rankings_at_equal_steps_and_at_equal_seconds_may_differ(tmp_path, write_run):
    """The quick agent learns more slowly per step, and is done in a tenth of the time."""
    for seed in range(5):
        write_run(tmp_path, "quick", seed, final=(110.0 + seed,) * 2, curve=[(500, 0.1, 20.0), (1_000, 0.2, 110.0 + seed)])
        write_run(tmp_path, "slow", seed, final=(120.0 + seed,) * 2, curve=[(500, 5.0, 100.0), (1_000, 10.0, 120.0 + seed)])
    document = report(tmp_path)
    first = {row.axis: row.agent for row in document.rankings if row.rank.value == 1}
    assert first == {"env_steps": "slow", "train_seconds": "quick"}
    assert {row.horizon for row in document.rankings} == {1_000.0, 10.0}
    curve = next(curve for curve in document.curves if (curve.agent, curve.env, curve.axis) == ("quick", None, "train_seconds"))
    assert curve.values[-1] == pytest.approx(0.92), "it keeps its last score"
    assert curve.low[-1] < 0.92 < curve.high[-1]


def test_failed_runs_stand_at_random_play_and_the_result_without_them_beside(five_seeds, write_run):
    write_run(five_seeds, "a", 5, status="crashed")
    write_run(five_seeds, "b", 5, status=None)
    document = report(five_seeds)
    mean = next(row for row in document.aggregates if (row.agent, row.metric) == ("a", "mean"))
    assert mean.estimate.value == pytest.approx(5 * 0.6 / 6)
    assert mean.without_failed.value == pytest.approx(0.6)
    result = document.results[0]
    assert (result.failed, result.returns[-1]) == ((False,) * 5 + (True,), 20.0)
    assert [(row.num_finished, row.num_failed, row.num_unfinished) for row in document.agents] == [(5, 1, 0), (5, 0, 1)]
    assert "1 of 12 runs failed: a 1 of 6 (a/CartPole-v1/seed-5 crashed)" in document.notes[0]
    assert "1 of 12 runs have not ended" in document.notes[1]
    assert [row.status for row in document.runs if row.seed == 5] == ["crashed", "unfinished"]


def test_environments_without_references_are_reported_but_not_averaged(five_seeds, write_run):
    for agent in ("a", "b"):
        write_run(five_seeds, agent, 0, env="FrozenLake-v1", final=(0.0, 1.0))
        write_run(five_seeds, agent, 0, kwargs={"sutton_barto_reward": True}, final=(7.0, 7.0))
    document = report(five_seeds)
    assert document.num_envs_in_aggregates == 1
    assert [env.solved_return for env in document.envs] == [120.0, None, None], "other arguments, other returns"
    assert {result.env for result in document.results} == {"CartPole-v1", "CartPole-v1,sutton_barto_reward=True", "FrozenLake-v1"}
    assert any("No reference scores are known for CartPole-v1,sutton_barto_reward=True, FrozenLake-v1" in note for note in document.notes)
    assert any(
        "CartPole-v1,sutton_barto_reward=True is CartPole-v1 with other arguments; the reference scores" in note for note in document.notes
    )
    assert any("Intervals of means and IQMs need at least 5 training seeds" in note for note in document.notes)


def test_settings_that_were_tuned_on_each_environment_are_told_by_environment(tmp_path, write_run):
    for env in ("CartPole-v1", "Acrobot-v1"):
        write_run(tmp_path, "a", env=env, tuning={"settings": "tuned", "found": f"for {env}"})
    tuning = report(tmp_path).agents[0].tuning
    assert {env: record["found"] for env, record in tuning.items()} == {"CartPole-v1": "for CartPole-v1", "Acrobot-v1": "for Acrobot-v1"}


def test_costs_differences_versions_and_published_numbers(tmp_path, write_run):
    machines = [{"cpu": "x"}, {"cpu": "y"}]
    for seed, machine in enumerate(machines):
        record = {"machine": machine, "versions": {"numpy": str(seed)}, "git": {"commit": "c0ffee", "dirty": True}}
        write_run(tmp_path, "a", seed, record=record, tuning={"num_trials": 9})
        write_run(tmp_path, "b", seed, hyperparameters={"num_envs": 4, "discount": 0.9})
    document = report(tmp_path)
    cost = document.costs[0]
    assert (cost.start_seconds, cost.train_seconds, cost.other_seconds, cost.env_steps_per_second) == (3.0, 4.0, 0.5, 250.0)
    assert cost.total_cpu_hours == pytest.approx(18 / 3_600)
    assert [(row.name, row.values) for row in document.differences] == [("discount", {"b": 0.9}), ("num_envs", {"a": 8, "b": 4})]
    assert document.agents[0].versions == {"numpy": "0 | 1"}
    assert document.agents[0].tuning == {"num_trials": 9}
    assert (document.machines, document.commits) == (tuple(machines), ("c0ffee+",))
    assert any("2 different machines" in note for note in document.notes)
    assert any("numpy 0 (a) and 1 (a)" in note for note in document.notes)
    published = {row.algorithm: row for row in document.published}
    assert published["random"].published == "90 ± 5"
    assert published["random"].ours == (("a", 250.0, 1_000), ("b", 250.0, 1_000))
    assert published["random"].url == "https://example.org/s"
    assert published["dqn"].ours == ()


def test_runs_without_an_outcome_make_no_report(tmp_path, write_run):
    write_run(tmp_path, "a", 0, status=None)
    with pytest.raises(ArenaError, match="none of the 1 runs has finished"):
        report(tmp_path)


def test_the_experiments_file_is_put_together_again(tmp_path, write_run):
    for agent in ("a", "b"):
        for seed in (0, 3):
            write_run(tmp_path / "logs", agent, seed)
            write_run(tmp_path / "logs", agent, seed, env="Acrobot-v1", kwargs={"x": [1, "y"]})
    runs = load_runs([tmp_path / "logs"]).runs
    document = report(tmp_path / "logs")
    (tmp_path / "test.toml").write_text(document.experiment_file)
    again = {run.name: run.inputs() for run in from_toml(tmp_path / "test.toml").runs()}
    assert again.keys() == {run.name for run in runs}
    for run in runs:
        assert json.loads(json.dumps(again[run.name])) == {**run.inputs, "agent": again[run.name]["agent"]}
        assert again[run.name]["agent"]["hyperparameters"].items() >= run.inputs["agent"]["hyperparameters"].items()


def test_settings_of_one_environment_stand_with_it(tmp_path, write_run):
    write_run(tmp_path, "a", 0)
    write_run(tmp_path, "a", 0, env="Acrobot-v1", budget=Budget(env_steps=9_000), hyperparameters={"num_envs": 4}, checkpoint_period=2_250)
    document = report(tmp_path)
    assert document.agents[0].hyperparameters == {}
    assert document.agents[0].env_hyperparameters == {"Acrobot-v1": {"num_envs": 4}, "CartPole-v1": {"num_envs": 8}}
    assert "env_steps" not in document.budget
    assert {env.name: env.budget["env_steps"] for env in document.envs} == {"Acrobot-v1": 9_000, "CartPole-v1": 1_000}
    assert {"a": {"num_envs": 4}} in [env["hyperparameters"] for env in tomllib.loads(document.experiment_file)["envs"]]
    assert "checkpoint_period" not in document.experiment_file, "it follows from each budget"


def test_numbers_are_pythons_own(document):
    """NumPy scalars would not be JSON."""

    def check(value):
        assert not isinstance(value, np.generic), value
        if isinstance(value, dict):
            value = tuple(value.values())
        if isinstance(value, (list, tuple)):
            for part in value:
                check(part)

    check(dataclasses.asdict(document))


def test_the_experiments_file_is_valid_toml_whatever_stands_in_the_inputs(tmp_path, write_run):
    kwargs = {"name": "\U0001f600 \x7f \x01", "high": 1e300}
    write_run(tmp_path / "logs", "a", 0)
    runs = [
        dataclasses.replace(run, run=dataclasses.replace(run.run, env=EnvConfig("CartPole-v1", kwargs)))
        for run in load_runs([tmp_path]).runs
    ]
    assert tomllib.loads(experiment_toml("t", runs))["envs"] == [{"id": "CartPole-v1", "kwargs": kwargs}]


@pytest.mark.parametrize(("num_seeds", "expected"), [(4, False), (5, True), (20, True)])
def test_intervals_of_means_come_with_what_is_known_of_their_intervals(tmp_path, write_run, num_seeds, expected):
    for seed in range(num_seeds):
        write_run(tmp_path, "a", seed, final=(100.0 + seed,) * 2)
    assert (MEAN_AND_IQM_NOTE in report(tmp_path).notes) == expected


def test_three_seeds_exclude_no_rank(tmp_path, write_run):
    for seed in range(3):
        for agent, value in (("a", 60.0), ("b", 90.0), ("c", 120.0)):
            write_run(tmp_path, agent, seed, final=(value + seed,) * 2, curve=[(500, 1.0, 20.0), (1_000, 2.0, value + seed)])
    document = report(tmp_path)
    assert {(row.rank.low, row.rank.high) for row in document.rankings} == {(1, 3)}
    assert {(rank.low, rank.high) for rank in judge(document).ranks.values()} == {(1, 3)}


def test_five_seeds_exclude_ranks_of_areas_that_are_far_apart_and_equal_curves_share_theirs(tmp_path, write_run):
    for seed in range(5):
        for agent, value in (("a", 60.0), ("b", 60.0), ("far", 400.0)):
            write_run(tmp_path, agent, seed, final=(value + seed,) * 2, curve=[(500, 1.0, 20.0), (1_000, 2.0, value + seed)])
    ranks = {row.agent: row.rank for row in report(tmp_path).rankings if row.axis == "env_steps"}
    assert {agent: (rank.label, rank.low, rank.high) for agent, rank in ranks.items()} == {
        "far": ("1", 1, 1),
        "a": ("2=", 2, 3),
        "b": ("2=", 2, 3),
    }


def test_an_interval_of_an_iqm_ends_at_the_best_possible_score(tmp_path, write_run):
    for seed, value in enumerate((500.0, 500.0, 500.0, 330.0, 500.0, 480.0)):
        write_run(tmp_path, "a", seed, final=(value,) * 2)
    result = report(tmp_path).results[0]
    assert result.score_iqm.high == pytest.approx((500.0 - 20.0) / 100.0)
    assert result.score_iqm.low < result.score_iqm.value


def test_a_crash_is_an_outcome(tmp_path, write_run):
    """Ten runs, of which five crashed and five are the best policies, against ten that finished in the middle."""
    for seed in range(10):
        write_run(tmp_path, "half", seed, final=(100.0 + seed,) * 2, status="crashed" if seed < 5 else "finished")
        write_run(tmp_path, "sure", seed, final=(60.0 + seed,) * 2)
    document, verdict = report(tmp_path), judge(report(tmp_path))
    assert document.pairs[0].probability.value == 0.5, "as in the tournament"
    assert [rank.label for rank in verdict.ranks.values()] == ["1=", "1="]
    assert verdict.winner("half", "sure") is None
    for axis in ("env_steps", "train_seconds"):
        areas = {row.agent: row.area.value for row in document.rankings if row.axis == axis}
        assert areas["half"] == pytest.approx(areas["sure"] / 2), "equal curves until the end, at which half of one's runs crash"


@pytest.mark.parametrize("equal_within", [0.0, 0.5, -0.1, float("nan")])
def test_a_distance_from_an_even_chance_that_is_none_is_refused(written, equal_within):
    with pytest.raises(ArenaError, match="--equal-within"):
        build_report(load_runs([written]).runs, Catalogue({}), title="t", command="arena report", equal_within=equal_within)


def test_differences_of_pairs_follow_from_the_tables_of_agents(tmp_path, write_run):
    for agent, shift in (("a", 0.0), ("b", 90.0)):
        for seed in range(6):
            for env in ("CartPole-v1", "Acrobot-v1"):
                low = 100.0 if env == "CartPole-v1" else -400.0
                final = (low + shift + 5.0 * seed, low + shift + 7.0 * seed)
                status = "crashed" if (agent, seed) == ("a", 5) else "finished"
                write_run(tmp_path, agent, seed, env=env, final=final, curve=[(500, 1.0, low)], status=status)
    report = build_report(load_runs([tmp_path]).runs, catalogue(), title="test", command="arena report")
    [apart] = report.score_differences
    aggregates = {(row.agent, row.metric): row.estimate.value for row in report.aggregates}
    assert apart.mean.value == pytest.approx(aggregates["a", "mean"] - aggregates["b", "mean"])
    assert apart.iqm.value == pytest.approx(aggregates["a", "iqm"] - aggregates["b", "iqm"])
    assert apart.mean.high < 0.0
    means = {(row.agent, row.env): row.return_mean.value for row in report.results}
    assert [each.env for each in report.env_pairs] == ["Acrobot-v1", "CartPole-v1"]
    for each in report.env_pairs:
        assert each.return_difference.value == pytest.approx(means["a", each.env] - means["b", each.env])
        assert each.return_difference.low < each.return_difference.value < each.return_difference.high < 0.0
        assert each.pair.claim == ("b", "a")
    assert report.pairs[0].p_value <= min(each.pair.p_value for each in report.env_pairs)
