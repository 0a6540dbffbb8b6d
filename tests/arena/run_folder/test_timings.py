"""Timings: where the seconds of a run go, and their form in files."""

import time

import pytest

from arena.errors import ArenaError
from arena.run_folder.timings import Timings


def test_a_block_adds_its_wall_seconds_to_its_part_alone():
    timings = Timings(train=1.0)
    with timings.measure("train"):
        time.sleep(0.002)
    with timings.measure("evaluate"):
        time.sleep(0.002)
    assert timings.train >= 1.002
    assert timings.evaluate >= 0.002
    assert timings.log == 0.0


def test_a_block_that_fails_is_timed_too():
    timings = Timings()
    with pytest.raises(ZeroDivisionError), timings.measure("train"):
        sum(range(10_000)) / 0
    assert timings.train > 0.0
    assert timings.train_cpu > 0.0


def test_only_training_log_and_checkpoint_count_as_cpu_seconds():
    timings = Timings()
    for part in ("evaluate", "play"):
        with timings.measure(part):
            sum(range(10_000))
    assert timings.train_cpu == 0.0


def test_the_total_has_every_second_once():
    names = ("start", "import_", "build", "train", "evaluate", "checkpoint", "log", "env", "act", "learn", "play", "train_cpu")
    timings = Timings(**{name: 10.0**power for power, name in enumerate(names)})
    assert timings.until_training == 111.0
    assert timings.total == 1_111_111.0


def test_attempts_add_up():
    timings = Timings(train=1.0, env=0.5)
    timings.add_all(Timings(train=2.0, build=3.0))
    assert timings == Timings(train=3.0, env=0.5, build=3.0)


def test_files_name_the_parts_by_plain_words():
    timings = Timings(import_=1.5, train=2.0)
    value = timings.to_json()
    assert (value["import"], value["train"], value["log"]) == (1.5, 2.0, 0.0)
    assert Timings.from_json(value, where="x") == timings
    assert Timings.from_json({"train": 3}, where="x") == Timings(train=3.0), "a file written before a part was measured"


@pytest.mark.parametrize("value", [{"trian": 1.0}, {"train": "1"}, {"train": True}, {"train": None}])
def test_another_versions_seconds_are_refused_with_the_file_and_the_part(value):
    with pytest.raises(ArenaError, match=r"result\.json: seconds\.tr.*another version of arena-rl"):
        Timings.from_json(value, where="result.json")
