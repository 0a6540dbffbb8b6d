from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.experiment import bundled
from arena.experiment.bundled import bundled_names, config_path, file_or_bundled
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


def test_a_bare_word_is_a_bundled_experiment_unless_a_file_has_that_name(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folders[1].parent)
    assert bundled_names() == ["cartpole", "smoke"]
    assert file_or_bundled(Path("smoke")) == folders[1] / "smoke.toml"
    for path in ("smoke.toml", "./absent/smoke", "absent.toml"):
        assert file_or_bundled(Path(path)) == Path(path)
    Path("smoke").write_text("")
    assert file_or_bundled(Path("smoke")) == Path("smoke")
    Path("cartpole").mkdir()
    assert file_or_bundled(Path("cartpole")) == folders[1] / "cartpole.toml", "a folder of that name holds its runs, say"
    with pytest.raises(ArenaError, match="no file 'cartpool' here, and no bundled experiment 'cartpool'; did you mean 'cartpole'"):
        file_or_bundled(Path("cartpool"))


def test_an_experiment_that_comes_with_the_arena_can_be_read_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert from_toml(Path("demo")) == from_toml(config_path("demo"))
