"""What `seeds = "until-decided"` has decided, in the report."""

import json
import tomllib

import pytest

from arena.environments.references import Catalogue
from arena.report.build import build_report
from arena.report.load import load_runs

DECISION = {
    "rule": {"group_size": 5, "max_seeds": 20, "alpha": 0.05},
    "agents": ["a", "b", "c"],
    "envs": ["CartPole-v1"],
    "finished": True,
    "look": 1,
    "pairs": [
        {"agent": "a", "other": "b", "verdict": "worse"},
        {"agent": "a", "other": "c", "verdict": "undecided"},
        {"agent": "b", "other": "c", "verdict": "better"},
    ],
    "returns": {agent: {"CartPole-v1": [1.0] * 5} for agent in "abc"},
}


@pytest.fixture(scope="module")
def decided(tmp_path_factory, write_run):
    """The report on a folder with a decision."""
    folder = tmp_path_factory.mktemp("seq")
    for seed in range(5):
        for agent in "abc":
            write_run(folder, agent, seed, final=(100.0,) * 2)
    (folder / "decision.json").write_text(json.dumps(DECISION))
    return report(folder)


def report(*folders):
    return build_report(load_runs(folders).runs, Catalogue({}), title="test", command="arena report")


def test_a_decision_is_read_from_the_folder_of_the_experiment(decided):
    (decision,) = decided.decisions
    assert (decision.look, decision.num_looks, decision.num_seeds) == (1, 4, {"a": 5, "b": 5, "c": 5})
    assert [pair.claim for pair in decision.verdicts] == [("b", "a"), None, ("b", "c")]


def test_the_notes_say_what_was_decided_and_what_is_not_corrected(decided):
    note = next(note for note in decided.notes if "seeds were added until the ranking was decided" in note)
    assert "after 1 of at most 4 looks (a 5, b 5, c 5 of at most 20 seeds). Not all pairs are decided" in note
    assert "not corrected for that" in note


def test_the_repeated_file_adds_seeds_by_the_same_rule(decided):
    again = tomllib.loads(decided.experiment_file)
    assert (again["seeds"], again["until-decided"]) == ("until-decided", DECISION["rule"])


@pytest.mark.parametrize("change", [{"rule": []}, {"returns": {}}, {"pairs": [1]}, {"look": "x"}])
def test_a_decision_that_cannot_be_read_is_named(tmp_path, write_run, change):
    folder = write_run(tmp_path / "seq", "a").parents[2]
    (folder / "decision.json").write_text(json.dumps({**DECISION, **change}))
    document = report(folder)
    assert document.decisions == ()
    (sentence,) = document.left_out
    assert sentence in document.notes
    assert sentence.startswith(f"left out: {folder / 'decision.json'}, because {folder / 'decision.json'}: ")
    assert next(iter(change)) in sentence
