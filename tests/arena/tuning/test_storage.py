"""The database of a search."""

from pathlib import Path

import optuna
import pytest

from arena.errors import ArenaError
from arena.tuning.storage import FILE_NAME, open_storage

pytestmark = pytest.mark.extra


def test_a_search_is_found_again(tmp_path: Path):
    optuna.create_study(storage=open_storage(tmp_path), study_name="t")
    assert optuna.get_all_study_names(open_storage(tmp_path)) == ["t"]
    assert (tmp_path / "tune.db").is_file()


def test_a_file_that_holds_no_search_is_refused_with_what_to_do(tmp_path: Path):
    (tmp_path / FILE_NAME).write_text("no database at all, but long enough for SQLite to look into it\n" * 20)
    with pytest.raises(ArenaError, match=r"tune\.db holds no search that Optuna .* reads \(.*not a database.*\); delete it to begin anew$"):
        open_storage(tmp_path)


@pytest.mark.parametrize("name", ["tune.db", "tune.db-journal", "tune.db-wal", "tune.db-shm"])
@pytest.mark.parametrize("trap", ["link to a file", "hard link", "dangling link"])
def test_no_link_is_followed(tmp_path: Path, lay_trap, name: str, trap: str):
    lay_trap(tmp_path / "search" / name, trap)
    with pytest.raises(ArenaError, match=name):
        open_storage(tmp_path / "search")
