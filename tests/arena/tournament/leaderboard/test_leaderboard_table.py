import dataclasses
import io

import pytest

from arena.statistics.estimate import Estimate
from arena.terminal.output import Output
from arena.tournament.leaderboard.leaderboard_table import leaderboard_lines, leaderboard_table
from arena.tournament.standings.standings import EnvScore, EnvStandings, Standing, Standings, TrainingCost

NAMES = ("tfagents-categorical-dqn", "rllib-ppo", "random")


def _row(rank: int, name: str) -> Standing:
    cost = None if name == "random" else TrainingCost(num_runs=15, env_steps=7_500_123, train_seconds=9_000.0, cpu_seconds=18_000.0)
    return Standing(
        entrant=name,
        rating=Estimate(value=-321.0 if name == "random" else 123.4, low=-500.0, high=289.1, num_seeds=3),
        below_all=name == "random",
        rank=rank,
        is_tied=False,
        rank_low=1,
        rank_high=3,
        points=Estimate(value=0.512, low=0.1024, high=0.89, num_seeds=3),
        num_matches=15_000,
        wins=10_000,
        ties=4_000,
        losses=1_000,
        members=(),
        failed=(),
        runs=(),
        cost=cost,
    )


@pytest.fixture
def standings() -> Standings:
    scores = (
        EnvScore(
            entrant="rllib-ppo", score=Estimate(value=500.0, low=None, high=None, num_seeds=3), at_equal_steps=None, at_equal_seconds=None
        ),
        EnvScore(
            entrant="random", score=Estimate(value=22.0, low=20.0, high=24.0, num_seeds=3), at_equal_steps=None, at_equal_seconds=None
        ),
    )
    return Standings(
        name="x",
        seed=0,
        confidence=0.95,
        rows=tuple(_row(rank, name) for rank, name in enumerate(NAMES, start=1)),
        win_matrix=(),
        predicted_matrix=(),
        better=(),
        against_order=(),
        pairs=(),
        envs=(EnvStandings(env="CartPole-v1", kind="duel", scores=scores, equal_steps=None, equal_seconds=None),),
        cycles=(),
        circles=(),
        interval_remark="",
        seat_advantage=None,
        notes=(),
    )


def _printed(standings: Standings, width: int) -> list[str]:
    output = Output("plain", io.StringIO())
    output.console.width = width
    output.show(leaderboard_table(standings, width))
    return output.file.getvalue().splitlines()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("width", "last"), [(200, "CPU"), (80, "won-tied-lost"), (70, "rating")])
def test_names_stay_whole_and_the_last_columns_go_where_the_terminal_is_narrow(standings: Standings, width: int, last: str) -> None:
    header, *rows = _printed(standings, width)[:4]
    assert header.split()[-1] == last
    assert [name in row for name, row in zip(NAMES, rows, strict=True)] == [True] * 3
    assert all(len(row.rstrip()) <= width for row in (header, *rows))
    assert "51.2% 10 to 89%" in " ".join(rows[0].split())
    assert ["below all" in row for row in rows] == [False, False, True]
    assert not any("\N{HORIZONTAL ELLIPSIS}" in row for row in rows)


def test_everything_fits_where_names_and_counts_are_short(standings: Standings) -> None:
    rows = tuple(dataclasses.replace(row, entrant=row.entrant[:9], wins=100, ties=40, losses=10) for row in standings.rows)
    header, first, *_ = _printed(dataclasses.replace(standings, rows=rows), 80)
    assert header.split()[-1] == "CPU"
    assert first.split()[-4:] == ["100-40-10", "7.5M", "5.0", "h"]


def test_what_has_no_interval_says_so(standings: Standings) -> None:
    rows = tuple(dataclasses.replace(row, points=Estimate(value=0.5, low=None, high=None, num_seeds=3)) for row in standings.rows)
    lines = _printed(dataclasses.replace(standings, rows=rows), 120)
    assert all(" none " in line for line in lines[1:4])
    assert list(leaderboard_lines(standings)) == ["CartPole-v1: rllib-ppo 500.0 [no interval], random 22.0 [20.0, 24.0]"]


def test_the_lines_beneath_name_faults_and_notes(standings: Standings) -> None:
    (env,) = standings.envs
    game = dataclasses.replace(
        env, env="go", kind="game", num_games=9, num_distinct_games=7, first_mover_points=0.625, reasons=(("[x]", "time-out", 2),)
    )
    lines = list(leaderboard_lines(dataclasses.replace(standings, envs=(game,), notes=("a [red]note[/red]",))))
    assert lines[1:] == ["  7 distinct games of 9; points of the first mover 62.5%", "  [x]: time-out (2 games)", "Note: a [red]note[/red]"]
