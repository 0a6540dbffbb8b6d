"""Attempts: how many processes a run took, and why it began where it did."""

import pytest

from arena.errors import ArenaError
from arena.run_folder.attempts import Attempt, add_attempt, read_attempts
from arena.run_folder.folder import RunDir

FIRST = Attempt(started="2026-11-29T10:00:00+0000", env_steps=0)
SECOND = Attempt(started="2026-11-29T11:00:00+0000", env_steps=400, notes=("the checkpoint env-steps-600 is damaged",))


def test_attempts_come_back_in_their_order_and_outlive_a_run_that_begins_anew(files: RunDir):
    assert read_attempts(files) == ()
    assert [add_attempt(files, attempt) for attempt in (FIRST, SECOND)] == [1, 2]
    files.clear()
    assert read_attempts(files) == (FIRST, SECOND)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"schema_version": 1, "attempts": [{}]}', '{"schema_version": 9, "attempts": []}']
)
def test_a_damaged_file_is_named_where_it_is_read_and_costs_no_run(files: RunDir, content: str):
    files.attempts.write_text(content)
    with pytest.raises(ArenaError, match=r"attempts\.json"):
        read_attempts(files)
    assert add_attempt(files, FIRST) == 1
    assert read_attempts(files) == (FIRST,)
