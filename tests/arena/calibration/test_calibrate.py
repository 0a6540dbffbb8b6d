import dataclasses

import pytest

from arena.calibration import calibrate
from arena.calibration.calibrate import ALL_SHAPES, Case, Row, judged
from arena.calibration.judges import NUM_LOOKS, Judged
from arena.errors import ArenaError
from arena.statistics import comparison

EQUAL, APART = Case("normal", 2, 5, 0.0), Case("normal", 3, 5, 2.0)


def row(wrong: float, num_experiments: int) -> Row:
    return Row(case=EQUAL, judge="report", num_experiments=num_experiments, wrong=wrong, missed=None, equal=None, mean_seeds=5.0)


def test_a_case_knows_who_is_better():
    assert not EQUAL.truth
    assert APART.truth == {("agent-1", "agent-0"), ("agent-2", "agent-0"), ("agent-2", "agent-1")}
    skills = Case("normal", 2, 500, 10.0).skills(calibrate.simulation_rng(0))
    assert skills["agent-1"].mean() - skills["agent-0"].mean() == pytest.approx(10.0, abs=0.4)


def test_one_run_in_five_crashes():
    skills = Case("one run in five crashes", 2, 2_000, 0.0).skills(calibrate.simulation_rng(0))
    assert all(0.16 < (values != values).mean() < 0.24 for values in skills.values())


@pytest.mark.parametrize("shape", ALL_SHAPES)
def test_every_shape_gives_every_agent_its_seeds(shape: str):
    skills = Case(shape, 3, 7, 1.0).skills(calibrate.simulation_rng(0))
    assert {agent: values.shape for agent, values in skills.items()} == {f"agent-{place}": (7 * NUM_LOOKS,) for place in range(3)}


def test_a_case_that_cannot_be_is_refused():
    with pytest.raises(ArenaError, match="no shape 'norml'; did you mean 'normal'"):
        Case("norml", 2, 5, 0.0)
    for change in ({"num_agents": 1}, {"num_seeds": 1}, {"difference": -1.0}, {"difference": float("nan")}):
        with pytest.raises(ArenaError, match="a case needs at least 2 agents and 2 seeds"):
            dataclasses.replace(EQUAL, **change)


def test_what_chance_explains_is_no_alarm():
    assert not row(0.05, 100).is_alarming
    assert not row(0.10, 60).is_alarming
    assert row(0.20, 60).is_alarming
    assert (row(0.2, 100).wrong_error, row(0.0, 100).wrong_error) == (pytest.approx(0.04), pytest.approx(0.01))


@pytest.mark.worker
def test_all_judges_find_what_is_far_apart_whatever_the_number_of_processes():
    cases, done = [Case("normal", 3, 5, 50.0), Case("one run in five crashes", 2, 3, 0.0)], []
    rows = judged(cases, 1, seed=3, workers=2, progress=lambda *each: done.append(each))
    names = ("report", "tournament", "until-decided")
    assert [(each.case, each.judge) for each in rows] == [(case, judge) for case in cases for judge in names]
    assert [(each.wrong, each.missed) for each in rows] == [(0.0, 0.0)] * 3 + [(0.0, None)] * 3
    assert [each.mean_seeds for each in rows[:3]] == [5.0, 5.0, 5.0]  # the first look decides
    assert done == [(1, 2), (2, 2)]
    assert judged(cases[1:], 1, seed=3) == rows[3:]


@pytest.mark.worker
def test_until_decided_calls_equal_agents_equal():
    report, tournament, sequential = judged([Case("normal", 2, 10, 0.0)], 3)
    assert tournament.equal is None
    assert report.equal < sequential.equal == 1.0
    assert 10.0 < sequential.mean_seeds < 40.0


def test_equal_pairs_and_missed_differences_are_counted_by_pairs(monkeypatch):
    none = frozenset()
    said = {
        "by_report": Judged(better=frozenset({("agent-1", "agent-0")}), equal=none, num_seeds=5.0),
        "by_tournament": Judged(better=frozenset({("agent-0", "agent-2")}), equal=None, num_seeds=5.0),
        "by_looking": Judged(better=none, equal=frozenset({("agent-0", "agent-1")}), num_seeds=12.0),
    }
    for name, judgement in said.items():
        monkeypatch.setattr(calibrate, name, lambda *_, judgement=judgement, **__: judgement)
    monkeypatch.setattr(calibrate, "write_runs", lambda *_: [])
    rows = judged([APART], 2)
    assert [(row.wrong, row.missed, row.equal, row.mean_seeds) for row in rows] == [
        (0.0, pytest.approx(2 / 3), 0.0, 5.0),
        (1.0, 1.0, None, 5.0),
        (0.0, 1.0, pytest.approx(1 / 3), 12.0),
    ]
    assert (rows[1].equal_error, rows[2].equal_error) == (None, pytest.approx(0.5))  # of two experiments, no share is surer


@pytest.mark.worker
def test_a_judge_that_claims_too_much_is_found_out(monkeypatch):
    monkeypatch.setattr(comparison, "MAX_ERROR", 1.0)
    for name in ("by_tournament", "by_looking"):
        monkeypatch.setattr(calibrate, name, lambda *_, **__: Judged(better=frozenset(), equal=None, num_seeds=5.0))
    report, tournament, _ = judged([EQUAL], 8)
    assert report.wrong > 0.9
    assert report.is_alarming
    assert (tournament.wrong, tournament.is_alarming) == (0.0, False)
