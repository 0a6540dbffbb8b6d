import pytest

from arena.environments.references import Catalogue
from arena.report.document import SequentialComparison, SequentialVerdict
from arena.report.load import load_runs
from arena.report.notes import notes
from arena.report.samples import Samples
from arena.run_folder.folder import RunDir
from arena.run_folder.result import RunResult
from arena.run_folder.schema import keep_failure
from arena.statistics.comparison import AgentPair
from arena.statistics.estimate import Estimate


def notes_on(folder, machines=(), decisions=(), pairs=()) -> list[str]:
    catalogue = Catalogue({})
    return notes(Samples(load_runs([folder]).runs, catalogue), machines, catalogue, pairs, decisions)


def pair_resting_on(basis: str) -> AgentPair:
    estimate = Estimate(value=0.0, num_seeds=3)
    return AgentPair(
        x="a", y="b", probability=estimate, p_value=1.0, p_value_joint=1.0, basis=basis, apart_at_most=None, envs=("CartPole-v1",)
    )


@pytest.mark.parametrize(
    ("basis", "expected"),
    [
        ("nothing", "1 of 1 pairs have too few seeds for any decision, whatever their runs return (a and b): at least 4 seeds"),
        ("means", "rest on seeds that are roughly normal"),
    ],
)
def test_what_the_tests_of_pairs_rest_on_is_said(tmp_path, write_run, basis, expected):
    write_run(tmp_path)
    assert any(expected in note for note in notes_on(tmp_path, pairs=[pair_resting_on(basis)]))
    assert not any(expected in note for note in notes_on(tmp_path, pairs=[pair_resting_on("ranks")]))


def comparison(*verdicts: str, finished: bool = True) -> SequentialComparison:
    return SequentialComparison(
        experiment="logs/x",
        group_size=5,
        max_seeds=20,
        alpha=0.05,
        envs=("CartPole-v1",),
        look=2,
        finished=finished,
        num_seeds={"a": 10, "b": 5},
        verdicts=tuple(SequentialVerdict(agent="a", other="b", verdict=verdict) for verdict in verdicts),
    )


def test_seeds_that_only_some_agents_have_are_named(tmp_path, write_run):
    for agent, seed in (("a", 0), ("a", 1), ("b", 0)):
        write_run(tmp_path, agent, seed)
    assert "Not every agent has every one of the 2 training seeds: b on CartPole-v1 1." in notes_on(tmp_path)


def test_many_failed_runs_are_named_in_part(tmp_path, write_run):
    for seed in range(7):
        write_run(tmp_path, "a", seed, status="crashed" if seed else "finished")
    first = notes_on(tmp_path)[0]
    assert first.startswith("6 of 7 runs failed: a 6 of 7 (a/CartPole-v1/seed-1 crashed; ")
    assert "seed-5 crashed; …)" in first
    assert "seed-6" not in first


def test_several_machines_are_noted(tmp_path, write_run):
    write_run(tmp_path)
    assert not any("machines" in note for note in notes_on(tmp_path, [{"cpu": "x"}]))
    assert any("2 different machines" in note for note in notes_on(tmp_path, [{"cpu": "x"}, {"cpu": "y"}]))


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        (comparison("better"), "All pairs are decided."),
        (comparison("better", "undecided"), "Not all pairs are decided."),
        (comparison("undecided", finished=False), "The comparison has not ended."),
    ],
)
def test_a_sequential_comparison_is_summed_up(tmp_path, write_run, decision, expected):
    write_run(tmp_path)
    (note,) = [note for note in notes_on(tmp_path, decisions=[decision]) if note.startswith("In logs/x seeds were added")]
    assert "after 2 of at most 4 looks (a 10, b 5 of at most 20 seeds)" in note
    assert expected in note


def test_different_environments_under_one_name_say_which_agent_had_which(tmp_path, write_run):
    old = {
        "entry_point": "gymnasium.envs:CartPole",
        "distribution": "gymnasium",
        "version": "0.29.1",
        "modules": {"gymnasium.envs": "a" * 64},
    }
    new = {**old, "version": "1.2.2", "modules": {"gymnasium.envs": "b" * 64}}
    for agent, identity in (("a", old), ("b", new), ("c", new)):
        write_run(tmp_path, agent, 0, record={"environment": identity, "versions": {"gymnasium": identity["version"]}})
    found = notes_on(tmp_path)
    assert (
        f"CartPole-v1 is not the same environment in all runs: a had gymnasium 0.29.1, gymnasium.envs with SHA-256 {'a' * 12}; "
        f"b, c had gymnasium 1.2.2, gymnasium.envs with SHA-256 {'b' * 12}. Their returns may not be comparable."
    ) in found
    assert "Runs were made with different versions: gymnasium 0.29.1 (a) and 1.2.2 (b, c)." in found


def test_runs_of_one_environment_or_of_versions_that_recorded_none_say_nothing_of_it(tmp_path, write_run):
    write_run(tmp_path, "a", 0, record={"environment": {"entry_point": "x"}})
    write_run(tmp_path, "b", 0, record={"environment": {"entry_point": "x"}})
    write_run(tmp_path, "c", 0)
    assert not any("same environment" in note for note in notes_on(tmp_path))


def test_runs_that_were_tried_again_are_named_with_their_failed_attempts(tmp_path, write_run):
    path = write_run(tmp_path, "a", 0)
    write_run(tmp_path, "a", 1)
    for _ in range(2):
        keep_failure(RunDir(path), RunResult(status="crashed", agent="a", env="CartPole-v1", seed=0, path="", reason="IndexError"))
    (note,) = [note for note in notes_on(tmp_path) if "tried again" in note]
    assert note.startswith(
        "1 of 2 runs were tried again after attempts that failed (--retry-failed): a/CartPole-v1/seed-0 after 2 (crashed)"
    )
