import dataclasses
import sys

import numpy as np
import pytest

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.tournament.entry.env_spaces import env_spaces
from arena.tournament.entry.program import Program, find_program, is_program

SPACES = env_spaces(EnvConfig("tictactoe_v3"))
RNG = np.random.default_rng(0)


def test_a_program_is_told_from_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_program("my.heuristics:centre")
    (tmp_path / "module:name").touch()
    for text in ("module:name", "policy.onnx", "logs/x", "1x:y", "module:", "a.b", "module:Id-v0"):
        assert not is_program(text)


def test_a_program_plays_what_it_was_made_for():
    program = find_program("programs_of_users:first")
    assert program.allowed
    observations = np.zeros((2, SPACES[0].shape[0]), np.float32)
    observations[0, -9 + 4], observations[1, -9 + 7] = 1.0, 1.0
    assert program.policy(SPACES, RNG).act(observations).tolist() == [4, 7]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_such_module:first", "'no_such_module' cannot be imported.*PYTHONPATH"),
        ("programs_of_users:second", "has no function 'second'"),
        ("programs_of_users:NOTHING", "has no function 'NOTHING'"),
    ],
)
def test_a_program_that_is_not_there_is_refused(name, reason):
    with pytest.raises(ArenaError, match=reason):
        find_program(name)


@pytest.mark.parametrize(
    ("name", "reason"), [("unmade", "failed when it was made: RuntimeError: no table of openings"), ("nothing", "returned a NoneType")]
)
def test_a_program_that_makes_no_player_is_refused(name, reason):
    with pytest.raises(ArenaError, match=reason):
        find_program(f"programs_of_users:{name}").policy(SPACES, RNG)


def test_a_program_that_a_folder_names_is_not_imported():
    named = Program(name="evil_program:play", sha256="0" * 64)
    with pytest.raises(ArenaError, match=r"nothing is loaded because a folder names it.*--allow evil_program:play"):
        named.policy(SPACES, RNG)
    assert "evil_program" not in sys.modules


def test_a_program_whose_file_was_changed_is_refused():
    other = dataclasses.replace(find_program("programs_of_users:first"), sha256="0" * 64)
    with pytest.raises(ArenaError, match="was changed since it joined"):
        other.policy(SPACES, RNG)
    assert other != find_program("programs_of_users:first")
