import gymnasium as gym
import numpy as np

from arena.environments.common_form import CommonForm

DISCRETE, FLAT = gym.spaces.Discrete(2), gym.spaces.Box(-1.0, 1.0, (3,), np.float32)


class Spaces(gym.Env):
    """Has the spaces that it is given, and echoes."""

    def __init__(self, observation_space, action_space) -> None:
        self.observation_space, self.action_space = observation_space, action_space
        self.actions = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(0)
        return self.observation_space.sample(), {}

    def step(self, action):
        self.actions.append(action)
        return self.observation_space.sample(), 0.0, False, False, {}


def in_common_form(observation_space=FLAT, action_space=DISCRETE):
    return CommonForm(Spaces(observation_space, action_space))


def test_discrete_observations_arrive_one_hot() -> None:
    env = in_common_form(gym.spaces.Discrete(3, start=5))
    assert env.observation_space == gym.spaces.Box(0.0, 1.0, (3,), np.float32)
    inner = env.unwrapped
    observation, _ = env.reset()
    for _ in range(10):
        assert env.observation_space.contains(observation)
        assert observation.sum() == 1.0
        inner.observation_space.seed(7)
        expected = int(inner.observation_space.sample()) - 5
        inner.observation_space.seed(7)
        observation, *_ = env.step(0)
        assert observation.argmax() == expected


def test_float64_becomes_float32_and_images_stay() -> None:
    env = in_common_form(gym.spaces.Box(-1.0, 1.0, (3,), np.float64))
    assert env.observation_space.dtype == np.float32
    assert env.reset()[0].dtype == np.float32
    image = gym.spaces.Box(0, 255, (4, 5, 3), np.uint8)
    env = in_common_form(image)
    assert env.observation_space == image
    assert env.reset()[0].dtype == np.uint8


def test_actions_count_from_zero() -> None:
    env = in_common_form(FLAT, gym.spaces.Discrete(3, start=-1))
    assert env.action_space == gym.spaces.Discrete(3)
    env.reset()
    for action in range(3):
        env.step(action)
    assert env.unwrapped.actions == [-1, 0, 1]
