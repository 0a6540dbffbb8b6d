from typing import get_args

from arena.cli.statuses import ENDED, status_rank, status_style
from arena.run_folder.result import Status


def test_every_outcome_of_a_run_is_one_after_which_it_does_nothing_more():
    assert set(get_args(Status)) <= ENDED


def test_runs_at_work_come_first_then_failures_then_those_that_wait_then_finished_ones():
    statuses = ["finished", "waiting", "crashed", "timed_out", "training", "importing"]
    assert sorted(statuses, key=status_rank) == ["training", "importing", "crashed", "timed_out", "waiting", "finished"]


def test_colours_tell_the_ranks_apart():
    assert [status_style(status) for status in ("building", "pruned", "waiting", "finished")] == ["cyan", "red", "dim", "green"]
