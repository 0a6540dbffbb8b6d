from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.experiment import bundled
from arena.experiment.bundled import config_path
from arena.experiment.file import from_toml


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The folders that hold bundled experiments; the first is missing, as in a checkout."""
    found = (tmp_path / "missing", tmp_path / "configs")
    found[1].mkdir()
    for name in ("smoke.toml", "cartpole.toml", "notes.txt"):
        (found[1] / name).write_text("")
    monkeypatch.setattr(bundled, "_FOLDERS", found)
    return found


def test_an_experiment_is_found_by_name(folders: tuple[Path, Path]):
    assert config_path("smoke") == folders[1] / "smoke.toml"


def test_an_unknown_name_is_refused_with_the_near_one_and_all_there_are(folders: tuple[Path, Path]):
    with pytest.raises(ArenaError) as error:
        config_path("smok")
    assert str(error.value) == "no bundled experiment 'smok'; did you mean 'smoke'? (there are: cartpole, smoke)"


def test_a_file_of_another_kind_is_no_experiment(folders: tuple[Path, Path]):
    with pytest.raises(ArenaError, match="no bundled experiment 'notes'"):
        config_path("notes")


def test_the_smoke_test_comes_with_the_arena():
    assert from_toml(config_path("smoke")).name == "smoke"
