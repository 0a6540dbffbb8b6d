import pytest

from arena.environments.references import Catalogue, Reference, Score
from arena.report.build import build_report
from arena.report.load import load_runs
from arena.report.page import render
from arena.report.terminal import print_report
from arena.terminal.output import Output

CARTPOLE = Reference(
    env_id="CartPole-v1", random=Score(20.0, "r"), threshold=Score(475.0, "t"), lower_bound=Score(1.0, "l"), upper_bound=Score(500.0, "u")
)


def report(root, reference=CARTPOLE):
    catalogue = Catalogue({"CartPole-v1": reference} if reference else {})
    return build_report(load_runs([root]).runs, catalogue, title="test", command="arena report")


def _write(write_run, root, agent, seed, first, final=500.0, **changes):
    """Writes a run whose selection evaluations first reach 500 after `first` env steps."""
    curve = [(steps, steps / 100 + seed, 500.0 if steps >= first else 20.0 + seed) for steps in range(100, 1_100, 100)]
    return write_run(root, agent, seed, final=(final, final), curve=curve, **changes)


@pytest.fixture
def saturated(tmp_path, write_run):
    """Three agents that all reach the bound: one early, two at the same time later."""
    for seed in range(6):
        _write(write_run, tmp_path, "early", seed, 200 + 100 * (seed % 2))
        for agent in ("late", "later"):
            _write(write_run, tmp_path, agent, seed, 800 + 100 * (seed % 3))
    return tmp_path


def test_an_environment_at_whose_bound_most_stand_is_named_and_ranked_by_speed(saturated, problems, capsys):
    document = report(saturated)
    (env,) = document.saturated
    assert env.sentence() == (
        "CartPole-v1 cannot tell these agents apart: most seeds of 3 of 3 agents stand at the best possible return there, 500."
    )
    assert [(row.agent, row.rank.label, row.rank.low, row.rank.high, row.time.env_steps_median) for row in env.rows] == [
        ("early", "1", 1, 1, 250.0),
        ("late", "2=", 2, 3, 900.0),
        ("later", "2=", 2, 3, 900.0),
    ]
    assert (env.rows[0].time.env_steps_low, env.rows[0].time.env_steps_high) == (200.0, 300.0)
    html = render(document)
    lead = html.partition('<p class="lead">')[2].partition("</p>")[0]
    assert "By speed: early is ahead of all others." in lead
    assert "By returns: Nobody is ahead: early, late and later are equal." in lead
    assert problems(html) == []
    print_report(document, Output("plain"))
    printed = capsys.readouterr().out
    assert "cannot tell these agents apart" in printed
    assert "250 [200, 300]" in printed


def test_a_run_that_failed_stands_at_no_bound_and_was_never_there(saturated, write_run):
    for seed in range(6, 9):
        _write(write_run, saturated, "early", seed, 100, status="crashed")
    (env,) = report(saturated).saturated
    row = next(row for row in env.rows if row.agent == "early")
    assert (row.num_at_bound, row.time.num_reached, row.time.num_seeds, row.time.env_steps_median) == (6, 6, 9, 300.0)


@pytest.mark.parametrize(("num_below", "expected"), [(2, 1), (3, 0)])
def test_most_seeds_of_an_agent_are_more_than_half(tmp_path, write_run, num_below, expected):
    for seed in range(6):
        for agent in "ab":
            _write(write_run, tmp_path, agent, seed, 500, final=300.0 if seed < num_below else 496.0)
    assert len(report(tmp_path).saturated) == expected


def test_one_agent_alone_or_an_environment_without_a_bound_is_not_called_saturated(tmp_path, write_run):
    for seed in range(6):
        _write(write_run, tmp_path, "a", seed, 500)
    assert report(tmp_path).saturated == ()
    for seed in range(6):
        _write(write_run, tmp_path, "b", seed, 500)
    assert len(report(tmp_path).saturated) == 1
    unbounded = Reference(**{**vars(CARTPOLE), "upper_bound": None})
    assert report(tmp_path, unbounded).saturated == report(tmp_path, None).saturated == ()
