from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.tournament.entry import player_arguments
from arena.tournament.entry.player_arguments import program_of, split_argument


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files in the working directory, and one agent's id."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(player_arguments, "agent_ids", lambda: ["keras-dqn"])
    for name in ("policy.onnx", "CartPole-v1,render_fps=5"):
        Path(name).write_text("")


def test_an_argument_is_a_path_or_a_name_and_a_path():
    assert split_argument("policy.onnx") == (None, Path("policy.onnx"))
    assert split_argument("mine=policy.onnx") == ("mine", Path("policy.onnx"))


def test_a_path_may_hold_an_equals_sign():
    assert split_argument("CartPole-v1,render_fps=5") == (None, Path("CartPole-v1,render_fps=5"))
    assert split_argument("mine=CartPole-v1,render_fps=5") == ("mine", Path("CartPole-v1,render_fps=5"))


def test_the_random_player_needs_no_file():
    assert split_argument("random") == (None, Path("random"))


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (
            "mine=absent.onnx",
            "no player 'absent.onnx' (a policy file, a run's or an experiment's folder, an agent's id, a program as NAME=module:callable,",
        ),
        ("keras-dqm", "no player 'keras-dqm'; did you mean 'keras-dqn'? (a policy file,"),
    ],
)
def test_what_does_not_exist_is_refused(argument: str, message: str):
    with pytest.raises(ArenaError) as error:
        split_argument(argument)
    assert str(error.value).startswith(message)


def test_a_name_that_cannot_name_an_entrant_is_refused():
    with pytest.raises(ArenaError, match=r"a~b"):
        split_argument("a~b=policy.onnx")


def test_a_program_needs_a_name():
    assert program_of("mine=my.heuristics:centre") == ("mine", "my.heuristics:centre")
    assert program_of("mine=policy.onnx") is program_of("policy.onnx") is program_of("random") is None
    with pytest.raises(ArenaError, match=r"is a program: give it a name, NAME=my\.heuristics:centre"):
        program_of("my.heuristics:centre")
    with pytest.raises(ArenaError, match="cannot name an entrant"):
        program_of("a~b=my.heuristics:centre")
