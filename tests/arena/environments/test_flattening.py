import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.environments.observation_form import observation_form, observation_kind
from arena.environments.words import TEXT_WIDTH

FLOATS = st.lists(st.integers(1, 3), min_size=0, max_size=2).map(lambda shape: spaces.Box(-2.0, 3.0, tuple(shape), np.float64))
WHOLE = st.integers(1, 4).map(lambda size: spaces.Box(-3, 9, (size,), np.int32))
LEAVES = st.one_of(
    FLOATS,
    WHOLE,
    st.tuples(st.integers(1, 4), st.integers(-2, 2)).map(lambda pair: spaces.Discrete(pair[0], start=pair[1])),
    st.lists(st.integers(1, 3), min_size=1, max_size=3).map(lambda nvec: spaces.MultiDiscrete(nvec, start=[2] * len(nvec))),
    st.just(spaces.MultiDiscrete(np.array([[2, 3], [1, 2]]))),
    st.sampled_from([spaces.MultiBinary(3), spaces.MultiBinary((2, 2))]),
)
NESTED = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from("zabc"), inner, min_size=1, max_size=3).map(spaces.Dict),
        st.lists(inner, min_size=1, max_size=3).map(spaces.Tuple),
    ),
    max_leaves=6,
)


@settings(max_examples=30, deadline=None)
@given(space=NESTED, seed=st.integers(0, 1_000))
def test_spaces_are_flattened_as_gymnasium_does(space, seed):
    assert observation_kind(space) == "flat"
    form = observation_form(space)
    expected = spaces.flatten_space(space)
    assert form.space.shape == expected.shape
    np.testing.assert_allclose(form.space.low, expected.low)
    np.testing.assert_allclose(form.space.high, expected.high)
    is_plain = isinstance(space, spaces.Box) and len(space.shape) == 1
    assert is_plain or len(form.names()) == form.space.shape[0] == len(set(form.names()))
    space.seed(seed)
    observation = space.sample()
    vector = form.observe(observation)
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, spaces.flatten(space, observation), rtol=1e-6)


def test_names_say_which_part_each_number_is_of():
    space = spaces.Dict(
        place=spaces.Box(0.0, 1.0, (2,)),
        speed=spaces.Box(0.0, 1.0, ()),
        hand=spaces.Tuple([spaces.Discrete(2, start=5), spaces.MultiBinary(2)]),
        dice=spaces.MultiDiscrete([1, 2]),
    )
    names = ["place[0]", "place[1]", "speed", "hand[0]=5", "hand[0]=6", "hand[1][0]", "hand[1][1]", "dice[0]=0", "dice[1]=0", "dice[1]=1"]
    assert observation_form(space).names() == names
    assert observation_form(spaces.Discrete(2)).names() == ["observation=0", "observation=1"]
    assert observation_form(spaces.Box(0, 1, (1, 2))).names() == ["observation[0,0]", "observation[0,1]"]
    assert observation_form(spaces.Box(0, 1, (2,))).names() == []  # `feature_names` may know better ones
    assert observation_form(spaces.Box(0, 255, (4, 4, 1), np.uint8)).names() == []


def test_a_mask_among_the_parts_follows_all_others():
    space = spaces.Dict(board=spaces.MultiBinary(2), action_mask=spaces.MultiBinary(3), turn=spaces.Discrete(2))
    form = observation_form(space)
    assert (form.space.num_features, form.space.num_actions) == (4, 3)
    vector = form.observe({"turn": 1, "board": [1, 0], "action_mask": [0, 1, 1]})
    assert vector.tolist() == [1, 0, 0, 1, 0, 1, 1]
    assert form.names() == ["board[0]", "board[1]", "turn=0", "turn=1"]


def test_an_image_alone_stays_an_image_and_a_grey_one_gets_its_channel():
    grey, colour = spaces.Box(0, 255, (6, 5), np.uint8), spaces.Box(0, 255, (6, 5, 3), np.uint8)
    assert observation_form(grey).space == spaces.Box(0, 255, (6, 5, 1), np.uint8)
    image = grey.sample()
    np.testing.assert_array_equal(observation_form(grey).observe(image)[..., 0], image)
    for nested, observation in ((spaces.Dict(pixels=colour), {"pixels": colour.sample()}), (spaces.Tuple([colour]), (colour.sample(),))):
        assert observation_kind(nested) == "image"
        assert observation_form(nested).space == colour
        found = observation_form(nested).observe(observation)
        np.testing.assert_array_equal(found, observation["pixels"] if isinstance(observation, dict) else observation[0])
    for board in (spaces.Box(0, 1, (6, 5), np.uint8), spaces.Box(0.0, 255.0, (6, 5), np.float32)):
        assert observation_form(board).space.shape == (30,)


def test_an_image_stands_before_the_numbers_of_all_other_parts():
    inner = spaces.Dict(camera=spaces.Box(-1, 3, (2, 3, 2), np.int8), speed=spaces.Box(0.0, 9.0, (1,), np.float32))
    space = spaces.Dict(car=inner, light=spaces.Discrete(2), text=spaces.Text(5))
    assert observation_kind(space) == observation_kind(observation_form(space).space) == "mixed"
    form = observation_form(space)
    assert (form.space.image_shape, form.space.num_numbers) == ((2, 3, 2), 3 + TEXT_WIDTH)
    camera = np.arange(12).reshape(2, 3, 2).astype(np.int8) % 5 - 1
    observation = {"car": {"camera": camera, "speed": np.array([7.0])}, "light": 1, "text": ""}
    images, numbers = form.space.split(form.observe(observation)[None])
    np.testing.assert_allclose(images[0], (camera + 1) / 4, rtol=1e-6)
    assert numbers[0, :3].tolist() == [7.0, 0.0, 1.0]
    assert (form.space.low[0], form.space.high[0], form.space.high[12]) == (0.0, 1.0, 9.0)
    assert form.names()[4:8] == [f"car.camera{place}" for place in ("[0,2,0]", "[0,2,1]", "[1,0,0]", "[1,0,1]")]
    assert form.names()[12:15] == ["car.speed[0]", "light=0", "light=1"]
    for bad in ({**observation, "light": 2}, {**observation, "car": {"camera": camera[:1], "speed": [0.0]}}, {"light": 1, "text": ""}):
        with pytest.raises((ValueError, TypeError, IndexError, KeyError)):
            form.observe(bad)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (spaces.Sequence(spaces.Discrete(2)), "they are Sequence.*no vector of a fixed length"),
        (spaces.Dict(a=spaces.Tuple([spaces.Discrete(2), spaces.Graph(spaces.Discrete(2), None)])), r"'a\[1\]' is Graph.*no vector"),
        (spaces.OneOf([spaces.Discrete(2), spaces.Discrete(3)]), "they are OneOf"),
        (
            spaces.Dict(left=spaces.Box(0, 255, (8, 8, 3), np.uint8), right=spaces.Box(0, 255, (8, 8, 3), np.uint8)),
            r"'left' is an image \(8, 8, 3\) beside another image: choose a wrapper, 'flat'",
        ),
        (
            spaces.Dict(camera=spaces.Box(0, 255, (3, 84, 84), np.uint8), speed=spaces.Box(0, 1, (1,))),
            r"the image \(3, 84, 84\) looks like channels first",
        ),
        (
            spaces.Dict(camera=spaces.Box(0, 255, (8, 8, 3), np.uint8), words=spaces.Sequence(spaces.Discrete(2))),
            "'words' is Sequence.*no vector of a fixed length",
        ),
        (
            spaces.Box(0, 255, (4, 8, 8, 3), np.uint8),
            r"they are bytes of 4 axes, \(4, 8, 8, 3\), which looks like a stack of colour images",
        ),
    ],
)
def test_what_has_no_form_is_refused_with_the_part_and_a_remedy(space, message):
    with pytest.raises(AssertionError, match=message):
        assert observation_kind(space) == ""


VALUES = [
    (spaces.Discrete(2), [2, -1, None, "x"]),
    (spaces.MultiDiscrete([2, 3]), [[0], [0, 3], [-1, 0], [0, 0, 0], None]),
    (spaces.MultiBinary(2), [[1], 1, None]),
    (spaces.Box(-1, 3, (2, 2, 2), np.int8), [np.zeros((1, 2, 2), np.int8), 0, None]),
    (spaces.Box(0, 1, (2, 2)), [np.zeros(4), np.zeros((2, 1)), 0.0]),
    (spaces.Dict(a=spaces.Discrete(2), b=spaces.Discrete(2)), [{"a": 1}, {}, 3, (0, 0)]),
    (spaces.Tuple([spaces.Discrete(2), spaces.Discrete(2)]), [(1,), (), 3, {"a": 1}]),
    (spaces.Tuple([spaces.Text(5), spaces.Discrete(2)]), [(3, 1), (None, 1)]),
]


@pytest.mark.parametrize(("space", "value"), [(space, value) for space, values in VALUES for value in values])
def test_what_is_not_in_a_space_is_no_observation(space, value):
    with pytest.raises((ValueError, TypeError, IndexError, KeyError)):
        observation_form(space).observe(value)


def test_gymnasium_wrappers_that_stack_vectors_need_no_other_wrapper():
    env = gym.wrappers.FrameStackObservation(gym.make("CartPole-v1"), 3)
    assert observation_kind(env.observation_space) == "flat"
    assert observation_form(env.observation_space).space.shape == (12,)
