import dataclasses

import pytest

from arena.calibration import calibrate, judges
from arena.calibration.calibrate import ALL_SHAPES, Case, Row, judged
from arena.errors import ArenaError
from arena.statistics import comparison

EQUAL, APART = Case("normal", 2, 5, 0.0), Case("normal", 3, 5, 2.0)


def row(wrong: float, num_experiments: int) -> Row:
    return Row(case=EQUAL, judge="report", num_experiments=num_experiments, wrong=wrong, missed=None)


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
    assert {agent: values.shape for agent, values in skills.items()} == {f"agent-{place}": (7,) for place in range(3)}


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
def test_both_judges_find_what_is_far_apart_whatever_the_number_of_processes():
    cases, done = [Case("normal", 2, 10, 50.0), Case("one run in five crashes", 2, 3, 0.0)], []
    rows = judged(cases, 1, seed=3, workers=2, progress=lambda *each: done.append(each))
    assert [(each.case, each.judge) for each in rows] == [(case, judge) for case in cases for judge in ("report", "tournament")]
    assert [(each.wrong, each.missed) for each in rows] == [(0.0, 0.0), (0.0, 0.0), (0.0, None), (0.0, None)]
    assert done == [(1, 2), (2, 2)]
    assert judged(cases[1:], 1, seed=3) == rows[2:]


@pytest.mark.worker
def test_a_judge_that_claims_too_much_is_found_out(monkeypatch):
    monkeypatch.setattr(comparison, "MAX_ERROR", 1.0)
    monkeypatch.setattr(judges, "tournament_claims", lambda *_, **__: frozenset())
    monkeypatch.setattr(calibrate, "tournament_claims", lambda *_, **__: frozenset())
    report, tournament = judged([EQUAL], 8)
    assert report.wrong > 0.9
    assert report.is_alarming
    assert (tournament.wrong, tournament.is_alarming) == (0.0, False)
