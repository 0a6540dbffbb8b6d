import gymnasium as gym
import numpy as np

from arena.environments.observation_form import observation_form, observation_kind
from arena_envs.flat import FlatImages

CAMERA, BOARD, GREY = (
    gym.spaces.Box(0, 255, (4, 5, 3), np.uint8),
    gym.spaces.Box(-1, 1, (2, 2, 1), np.int8),
    gym.spaces.Box(0, 255, (3, 3), np.uint8),
)


class Seeing(gym.Env):
    """Shows images among other things."""

    observation_space = gym.spaces.Dict(
        camera=CAMERA, more=gym.spaces.Tuple([BOARD, gym.spaces.Discrete(2), GREY]), says=gym.spaces.Text(5)
    )
    action_space = gym.spaces.Discrete(2)


def test_images_become_numbers_by_their_own_bounds_and_other_parts_stay():
    env = FlatImages(Seeing())
    assert observation_kind(Seeing.observation_space).startswith("observations are")
    assert observation_kind(env.observation_space) == "flat"
    camera, board, grey = CAMERA.sample(), BOARD.sample(), GREY.sample()
    given = {"camera": camera, "more": (board, 1, grey), "says": "hi"}
    found = env.observation(given)
    np.testing.assert_allclose(found["camera"], camera.reshape(-1) / 255.0, rtol=1e-6)
    np.testing.assert_allclose(found["more"][0], (board.reshape(-1) + 1) / 2.0)
    np.testing.assert_allclose(found["more"][2], grey.reshape(-1) / 255.0, rtol=1e-6)
    assert (found["more"][1], found["says"]) == (1, "hi")
    assert env.observation_space.contains({**found, "says": "hi"})
    assert observation_form(env.observation_space).observe(found).shape == (60 + 4 + 2 + 9 + 256,)


def test_without_images_nothing_changes():
    env = gym.make("Blackjack-v1")
    assert FlatImages(env).observation_space == env.observation_space
