import pytest
from gymnasium import Env, Space, spaces

from arena.environments.common_form import CommonForm
from arena.environments.observation_form import observation_form, observation_kind
from arena.environments.words import TEXT_WIDTH, is_wordless, word_place
from arena.errors import ArenaError


class Mission(Space):
    """Somebody else's space of texts."""

    def sample(self, mask=None, probability=None):
        return "go to the red ball"


class Speaks(Env):
    """Says one mission, and a note of no meaning."""

    action_space = spaces.Discrete(2)

    def __init__(self, space, mission):
        self.observation_space, self.mission = space, mission

    def reset(self, *, seed=None, options=None):
        return {"mission": self.mission, "note": "hm"}, {}


def lengths(text):
    return [len(text), text.count("a")]


def picky(text):
    return [float(len(text))] if text else []


def test_a_text_becomes_the_number_of_times_that_each_word_occurs():
    for space in (spaces.Text(40), Mission()):
        form = observation_form(space)
        vector = form.observe("Go to the red ball, the RED one")
        assert vector.shape == (TEXT_WIDTH,)
        assert vector.sum() == 8.0
        assert vector[word_place("red")] == 2.0
        assert vector[word_place("ball")] == 1.0
        assert not form.observe("").any()


def test_a_word_has_one_place_everywhere():
    assert [word_place(word) for word in ("red", "ball", "größe")] == [word_place(word) for word in ("red", "ball", "größe")]
    assert word_place("red") == 143  # of every version, or policies would read other words


def test_words_are_names_once_they_were_met():
    form = observation_form(spaces.Dict(mission=Mission(), steps=spaces.Discrete(2)))
    place = word_place("red")
    assert form.names()[place] == f"mission: #{place}"
    form.observe({"mission": "the red door", "steps": 1})
    assert form.names()[place] == "mission: red"
    assert form.names()[-2:] == ["steps=0", "steps=1"]


def test_an_encoder_of_the_users_own_takes_the_place_of_words():
    space = spaces.Tuple([spaces.Text(9), spaces.Discrete(2)])
    form = observation_form(space, text_encoder=f"{__name__}:lengths")
    assert form.observe(("banana", 1)).tolist() == [6.0, 3.0, 0.0, 1.0]
    assert form.names() == ["[0]: #0", "[0]: #1", "[1]=0", "[1]=1"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("lengths", "must be package.module:function"),
        ("no_such_module:encode", "cannot be imported: No module named 'no_such_module'"),
        (f"{__name__}:length", "has no function 'length'; did you mean 'lengths'"),
        (f"{__name__}:picky", "must return a vector of finite numbers"),
        (f"{__name__}:test_words_are_names_once_they_were_met", "fails on an empty text: TypeError"),
    ],
)
def test_an_encoder_that_cannot_be_used_is_refused(path, message):
    with pytest.raises(ArenaError, match=message):
        observation_form(spaces.Text(9), text_encoder=path)


def test_a_space_that_cannot_be_sampled_is_no_text():
    assert "no vector of a fixed length" in observation_kind(Space())


def test_the_words_of_other_environments_can_be_learned():
    space = spaces.Dict(mission=Mission(), note=spaces.Text(9))
    one, other = (CommonForm(Speaks(space, text)) for text in ("the red door", "the blue door"))
    for env in (one, other):
        env.reset()
    one.learn_words_of(other)
    names = one.feature_names
    assert {name for name in names if not is_wordless(name)} == {f"mission: {word}" for word in ("the", "red", "blue", "door")} | {
        "note: hm"
    }
    assert not {"mission: red"} & set(other.feature_names)
    with_own = [CommonForm(Speaks(space, "a"), text_encoder=f"{__name__}:lengths") for _ in range(2)]
    with_own[0].learn_words_of(with_own[1])
    assert with_own[0].feature_names == ["mission: #0", "mission: #1", "note: #0", "note: #1"]
