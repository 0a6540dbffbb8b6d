import json

import pytest

from arena.calibration.calibrate import Case, Row
from arena.cli import calibrate

CASE = Case("normal", 2, 5, 2.0)
ROWS = [
    Row(case=CASE, judge="report", num_experiments=100, wrong=0.5, missed=0.25, equal=0.1, mean_seeds=5.0),
    Row(case=Case("normal", 2, 5, 0.0), judge="tournament", num_experiments=100, wrong=0.02, missed=None, equal=None, mean_seeds=12.34),
]


@pytest.fixture
def asked(monkeypatch):
    """What the command asks for; it gets `ROWS`."""
    found = []
    monkeypatch.setattr(calibrate, "judged", lambda cases, count, **_: found.append((cases, count)) or ROWS)
    return found


def test_the_table_has_the_error_beside_every_figure_and_marks_what_is_alarming(arena, asked):
    code, said = arena("calibrate", "--experiments", "100", "--agents", "2", "--agents", "4", "--shape", "normal")
    assert code == 1
    assert asked == [([Case("normal", agents, 5, apart) for agents in (2, 4) for apart in (0.0, 2.0)], 100)]
    assert "normal 2 5 2 report 0.500(50) ! 0.250(43) 0.100(30) 5.0" in said
    assert "normal 2 5 equal tournament 0.020(14) 12.3" in said


def test_programs_get_a_line_for_each_row(arena, asked):
    _, said = arena("calibrate", "--json", "--shape", "all")
    first, _ = (json.loads(line) for line in said.replace("} {", "}\n{").splitlines())
    assert first["case"] == {"shape": "normal", "num_agents": 2, "num_seeds": 5, "difference": 2.0}
    assert (first["equal"], first["equal_error"], first["mean_seeds"]) == (0.1, pytest.approx(0.03), 5.0)
    assert (first["judge"], first["missed_error"], first["alarming"]) == ("report", pytest.approx(0.0433, abs=1e-4), True)
    assert len({case.shape for case in asked[0][0]}) == len(calibrate.ALL_SHAPES)


def test_an_unknown_shape_is_refused(arena):
    code, said = arena("calibrate", "--shape", "norml")
    assert code == 2
    assert "did you mean 'normal'" in said
