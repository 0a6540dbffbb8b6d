import pytest

from arena.errors import ArenaError
from arena.experiment.names import check_distinct, check_name


@pytest.mark.parametrize("name", ["a", "keras-dqn", "CartPole-v1,render_fps=5", "a.b_c+1", "größe"])
def test_a_name_of_letters_digits_and_a_few_signs_is_returned(name: str):
    assert check_name(name, "agent name") == name


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "-v", "a/b", "a\\b", "a b", "a:b", "a\n", "a\0", "a*"])
def test_a_name_that_cannot_name_a_folder_everywhere_is_refused(name: str):
    with pytest.raises(ArenaError) as error:
        check_name(name, "agent name")
    assert str(error.value) == f"agent name {name!r} must be letters, digits and '-_.+=,', so that it can name a folder"


def test_a_name_that_appears_twice_is_refused():
    check_distinct(["a", "b"], "agents")
    with pytest.raises(ArenaError, match=r"^agents: 'b' appears twice; give each a name of its own$"):
        check_distinct(["a", "b", "c", "b"], "agents")
