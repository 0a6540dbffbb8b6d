import pytest

from arena.environments.references import Catalogue
from arena.report.document import SequentialComparison, SequentialVerdict
from arena.report.load import load_runs
from arena.report.notes import notes
from arena.report.samples import Samples


def notes_on(folder, machines=(), decisions=()) -> list[str]:
    catalogue = Catalogue({})
    return notes(Samples(load_runs([folder]), catalogue), machines, catalogue, decisions)


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
