import pytest

from arena.environments.config import EnvConfig, RecordedEnv
from arena.environments.make import make_env
from arena.environments.word import code_names, names_without_word, with_word
from arena.errors import ArenaError

FILES = ["theirs.onnx", "./policy.onnx", "/etc/passwd", "maps/own.xml", "module:Wrapper", "a.b"]


@pytest.mark.parametrize("text", FILES)
def test_arguments_that_may_be_files_or_code_need_the_users_word(text: str):
    recorded = RecordedEnv("arena/TicTacToe-v0", {"opponent": text})
    with pytest.raises(ArenaError, match="add --allow"):
        make_env(recorded)
    assert with_word(recorded, ["other"]) is recorded
    assert not isinstance(with_word(recorded, [text]), RecordedEnv)


@pytest.mark.parametrize("text", ["random", "4x4", "rgb_array", "0.5", "-1e-3", "SFFF", ""])
def test_plain_words_and_numbers_are_arguments(text: str):
    assert code_names(RecordedEnv("CartPole-v1", {"a": [text, {"b": text}], "c": 1, "d": None})) == ()


def test_who_named_an_environment_does_not_change_what_it_is():
    assert RecordedEnv("CartPole-v1") == EnvConfig("CartPole-v1")
    assert EnvConfig("CartPole-v1") == RecordedEnv("CartPole-v1")
    assert RecordedEnv("CartPole-v1") != EnvConfig("Acrobot-v1")
    assert names_without_word(EnvConfig("module:Id-v0")) == ()
    assert names_without_word(RecordedEnv("module:Id-v0")) == ("module:Id-v0",)


def test_a_word_holds_for_everything_that_is_named_or_for_nothing():
    recorded = RecordedEnv("module:Id-v0", {"map": "a.xml"})
    assert with_word(recorded, ["module:Id-v0"]) is recorded
    assert with_word(recorded, ["a.xml"]) is recorded
    assert type(with_word(recorded, ["a.xml", "module:Id-v0"])) is EnvConfig


def test_an_id_that_nobody_registered_asks_for_its_package():
    with pytest.raises(ArenaError, match=r"names 'Unknown-v0', which is not among what is installed here; install the package"):
        make_env(RecordedEnv("Unknown-v0"))
