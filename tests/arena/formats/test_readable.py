# ruff: noqa: RUF001  # numbers are written with the signs of typography
import math

import pytest

from arena.formats.readable import (
    clock_time,
    count,
    duration,
    fixed,
    interval,
    listed,
    number,
    one_line,
    percent,
    plain,
    ranks,
    settings,
    shown_return,
    shown_score,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (number(0.012345), "0.0123"),
        (number(-1234.5), "−1,234"),
        (number(3e-7), "3.00e-07"),
        (number(math.nan), "–"),
        (fixed(1234.56, 1), "1,234.6"),
        (fixed(-0.4), "0"),
        (percent(0.999), "99.9%"),
        (percent(1.0), "100%"),
        (percent(0.496), "50%"),
        (duration(48.2), "48 s"),
        (duration(190), "3.2 min"),
        (duration(5400), "1.5 h"),
        (duration(172_800), "2.0 days"),
        (duration(None), "–"),
        (clock_time(75.2), "1:15"),
        (clock_time(3_700), "1:01:40"),
        (plain([64, (1, 2), True]), "64, [1, 2], True"),
        (settings({"num_envs": 1_000, "none": None}), "num envs 1,000"),
        (interval((-20.0, 31.4)), "−20 to 31"),
        (interval((None, 3.0)), "–"),
        (ranks((2, 4)), "2–4"),
        (ranks((3, 3)), "3"),
    ],
)
def test_numbers_read_as_people_write_them(text: str, expected: str) -> None:
    assert text == expected


def test_lists_and_counts_read_as_prose() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"], "or") == "a, b or c"
    assert [count(1, "seed"), count(1200, "run")] == ["1 seed", "1,200 runs"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (shown_return(500.0), "500.0"),
        (shown_return(-2_000.0), "-2,000.0"),
        (shown_return(0.68), "0.68"),
        (shown_return(0.0142), "0.014"),
        (shown_return(0.00036), "0.00036"),
        (shown_return(0.0), "0.0"),
        (shown_return(0.014, 0.9), "0.01"),
        (shown_return(None), "–"),
        (shown_return(math.nan), "–"),
        (shown_score(0.68, 0.466), "0.68 ± 0.47"),
        (shown_score(0.02, 0.14), "0.02 ± 0.14"),
        (shown_score(-1234.56, 7.0), "-1,234.6 ± 7.0"),
        (shown_score(1.0, None), "1.0"),
        (shown_score(-9.0, 0.0, num_cut=2, num_episodes=20), "-9.0 ± 0.0 (2 of 20 cut)"),
    ],
)
def test_returns_have_the_digits_that_their_scale_needs(text: str, expected: str):
    assert text == expected


def test_messages_have_one_bounded_line():
    assert one_line("a\n\tb  c") == "a b c"
    assert len(one_line("x" * 1_000)) == 200
