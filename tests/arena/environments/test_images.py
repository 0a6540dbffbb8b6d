"""Images of whole numbers: their common form, and what a network divides them by."""

import gymnasium as gym
import numpy as np
import pytest

from arena.environments.common_form import CommonForm
from arena.environments.config import EnvConfig
from arena.environments.images import common_image, largest_values, looks_channels_first
from arena.environments.make import make_env
from arena.errors import ArenaError
from arena.policies.onnx_network import Conv, Dense, PolicyNetwork
from arena.policies.policy import OnnxPolicy

SHAPE = (2, 3, 1)


def box(low, high, dtype) -> gym.spaces.Box:
    return gym.spaces.Box(low, high, SHAPE, dtype)


@pytest.mark.parametrize(
    ("space", "value", "common", "divided"),
    [
        (box(0, 255, np.uint8), 51, 51, 0.2),
        (box(0, 1, np.uint8), 1, 1, 1.0),
        (box(0, 1, np.bool_), True, 1, 1.0),
        (box(-1, 1, np.int8), 0, 1, 0.5),
        (box(-128, 127, np.int8), 127, 255, 1.0),
        (box(0, 10, np.int64), 4, 4, 0.4),
        (box(7, 7, np.uint8), 7, 0, 0.0),
        (box(0, 1_000, np.uint16), 250, 0.25, 0.25),
        (box(-1_000, 1_000, np.int32), 0, 0.5, 0.5),
        (box(-(2**63), 2**63 - 1, np.int64), 6, 6.0, 6.0),
    ],
    ids=str,
)
def test_integer_images_have_one_common_form_and_are_divided_by_their_own_bounds(space, value, common, divided) -> None:
    common_space, observe = common_image(space)
    image = np.full(SHAPE, value, space.dtype)
    observed = observe(image)
    assert observed.dtype == common_space.dtype
    assert common_space.contains(observed)
    np.testing.assert_allclose(observed, common, rtol=1e-6)
    largest = largest_values(common_space)
    np.testing.assert_allclose(observed / np.float32(1.0 if largest is None else largest), divided, rtol=1e-6)
    image[:] = space.low
    np.testing.assert_allclose(observed, common, rtol=1e-6, err_msg="the image is the environment's own")


def test_bounds_may_differ_between_channels() -> None:
    high = np.zeros((2, 2, 2), np.uint8)
    high[..., 0], high[..., 1] = 10, 2
    space, observe = common_image(gym.spaces.Box(np.zeros_like(high), high, dtype=np.uint8))
    np.testing.assert_array_equal(observe(high) / largest_values(space), np.ones((2, 2, 2)))


@pytest.mark.parametrize("value", [-1, 300, 0.5, np.nan])
def test_a_value_that_no_byte_can_hold_is_refused(value) -> None:
    _, observe = common_image(box(0, 255, np.int64))
    with pytest.raises(ValueError, match="byte"):
        observe(np.full(SHAPE, value))


@pytest.mark.parametrize("high", [1, 3, 255, "by channel"])
def test_the_policy_file_divides_as_the_network_does(high, tmp_path) -> None:
    rng = np.random.default_rng(0)
    highs = np.full((4, 4, 2), 1 if high == "by channel" else high, np.uint8)
    highs[..., 1] = 9 if high == "by channel" else high
    space = gym.spaces.Box(np.zeros_like(highs), highs, dtype=np.uint8)
    layers = [
        Conv(rng.normal(size=(2, 2, 2, 5)).astype(np.float32), np.zeros(5, np.float32), 1),
        Dense(rng.normal(size=(45, 3)).astype(np.float32), np.zeros(3, np.float32)),
    ]
    network = PolicyNetwork(layers, space, gym.spaces.Discrete(3))
    network.export(tmp_path / "policy.onnx")
    images = rng.integers(0, highs.astype(np.int64) + 1, (20, 4, 4, 2)).astype(np.uint8)
    scores = OnnxPolicy(tmp_path / "policy.onnx").scores(images)
    np.testing.assert_allclose(scores, network.scores(images), rtol=1e-4, atol=1e-5)
    floats = PolicyNetwork(layers, gym.spaces.Box(0.0, 1.0, (4, 4, 2), np.float32), gym.spaces.Discrete(3))
    np.testing.assert_allclose(scores, floats.scores((images / highs).astype(np.float32)), rtol=1e-4, atol=1e-5)


class Screen(gym.Env):
    """Shows an image of the shape that it is given."""

    def __init__(self, shape=(8, 8), stack=0) -> None:
        self.observation_space, self.action_space = gym.spaces.Box(0, 255, shape, np.uint8), gym.spaces.Discrete(2)
        self.count = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.full(self.observation_space.shape, self.count, np.uint8), {}

    def step(self, action):
        self.count += 1
        return np.full(self.observation_space.shape, self.count, np.uint8), 0.0, False, False, {}


def test_stacked_frames_become_channels_last() -> None:
    env = CommonForm(gym.wrappers.FrameStackObservation(Screen((20, 24)), 3), channels_first=True)
    assert env.observation_space == gym.spaces.Box(0, 255, (20, 24, 3), np.uint8)
    env.reset()
    env.step(0)
    np.testing.assert_array_equal(env.step(0)[0][5, 7], [0, 1, 2])


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((3, 84, 84), True),
        ((4, 84, 84), True),
        ((12, 64, 64), True),
        ((1, 20, 30), True),
        ((84, 84, 3), False),
        ((84, 84, 4), False),
        ((7, 7, 3), False),
        ((10, 10, 4), False),
        ((6, 7, 2), False),
        ((4, 4, 16), False),
        ((8, 8, 111), False),
        ((1, 20, 3), False),
    ],
)
def test_channels_first_is_told_by_the_shape(shape, expected) -> None:
    assert looks_channels_first(shape) == expected


def test_images_with_channels_first_are_refused_and_stacks_are_transposed() -> None:
    gym.register("ArenaTestScreen-v0", entry_point=Screen, disable_env_checker=True)
    gym.register(
        "ArenaTestStack-v0",
        entry_point=lambda **kwargs: gym.wrappers.FrameStackObservation(Screen(**kwargs), 4),
        disable_env_checker=True,
    )
    try:
        with pytest.raises(ArenaError, match=r"\(3, 40, 40\), which looks like channels first.*moveaxis"):
            make_env(EnvConfig("ArenaTestScreen-v0", {"shape": (3, 40, 40)}))
        assert make_env(EnvConfig("ArenaTestStack-v0", {"shape": (40, 40)})).observation_space.shape == (40, 40, 4)
    finally:
        del gym.registry["ArenaTestScreen-v0"], gym.registry["ArenaTestStack-v0"]
