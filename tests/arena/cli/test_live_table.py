import io
import re

import pytest
from rich.console import Console

from arena.cli.live_rows import LiveRow
from arena.cli.live_table import live_table, shortened

NAMES = [f"{agent}/CartPole-v1/seed-{seed}" for agent in ("keras-dqn", "kerasrl-sarsa") for seed in range(75)]


def lines_of(rows: dict[str, LiveRow], width: int, height: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True)
    with console.capture() as capture:
        console.print(live_table(rows, width=width, height=height))
    return re.sub(r"\x1b\[[0-9;]*m", "", capture.get()).splitlines()


@pytest.mark.parametrize("width", [20, 39, 40, 60, 80, 200])
@pytest.mark.parametrize("height", [4, 10, 50])
def test_the_table_fits_the_terminal_and_shows_runs_at_work_first(width, height):
    rows = {name: LiveRow(status="finished", env_steps=10, max_env_steps=10, score_mean=1.0, score_std=2.0) for name in NAMES}
    rows[NAMES[140]].status = "training"
    rows[NAMES[141]].status = "crashed"
    lines = lines_of(rows, width, height)
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    assert "training"[: 3 if width < 30 else None] in lines[1]
    if height > 4:
        assert "crashed"[: 3 if width < 30 else None] in lines[2]


@pytest.mark.parametrize("width", [80, 200])
def test_neither_names_nor_anything_else_is_cut_in_a_terminal_of_usual_width(width):
    rows = {name: LiveRow() for name in NAMES}
    for name in NAMES[-4:]:
        rows[name] = LiveRow("training", 90_000, 100_000, 12_345.6, -123.4, -120.4, None, None, 3_700.0)
    rows[NAMES[0]] = LiveRow(status="finished", score_mean=-1_234.5, score_std=100.0)
    rows[NAMES[1]] = LiveRow(status="env_failed")
    text = "\n".join(lines_of(rows, width, 24))
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    assert all(name in text for name in (*NAMES[-4:], *NAMES[:2]))
    assert "1:01:40" in text
    assert ("-1,234.5 ± 100.0" if width == 200 else "-1,234.5") in text


def test_long_names_lose_their_middle_rather_than_the_table_its_columns():
    names = [f"kerasrl-sarsa/MiniGrid-DoorKey-5x5-v0,minigrid-image/seed-{seed}" for seed in range(100)]
    rows = {name: LiveRow() for name in names}
    for name in names[:50]:
        rows[name] = LiveRow(status="finished", score_mean=480.0, score_std=1.5)
    rows[names[50]] = LiveRow("training", 1_000, 100_000, 812.0, 33.1, 44.0, None, None, 99.0)
    lines = lines_of(rows, 80, 24)
    assert lines[1].split() == ["kerasrl-sarsa/…x5-v0,minigrid-image/seed-50", "training", "812", "44.0", "1:39"]
    assert lines[2].split()[1:] == ["finished", "480.0"]
    assert "\N{HORIZONTAL ELLIPSIS}" not in lines[-1], "the last line says less rather than being cut"


def test_waiting_runs_are_a_count_and_finished_ones_give_way_oldest_first():
    rows = {name: LiveRow() for name in NAMES[:100]}
    for index in range(20):
        rows[NAMES[index]] = LiveRow(status="finished", began=float(index))
    lines = lines_of(rows, 100, 13)
    assert [line.split()[0] for line in lines[1:-1]] == NAMES[19:9:-1]
    assert lines[-1].strip().endswith("20%: 80 of 100 waiting, 20 finished (10 not shown)")


@pytest.mark.parametrize(("width", "text"), [(9, "abcdefghi"), (8, "abc…fghi"), (5, "ab…hi"), (2, "a…"), (1, "…")])
def test_a_name_without_room_keeps_both_ends(width, text):
    assert shortened("abcdefghi", width) == text
    assert len(text) <= width
