import gymnasium as gym
import numpy as np
import pytest
import raising_env  # noqa: F401 - registers an environment

from arena.environments.config import EnvConfig
from arena.environments.rendering import CannotRender, make_renderer
from arena.errors import EnvironmentRaised
from arena.watching.episode import watch_episode


class Grey(gym.Env):
    """Ends never."""

    def reset(self, *, seed=None, options=None):
        return np.zeros(4, np.float32), {}

    def step(self, action):
        return np.zeros(4, np.float32), 0.5, False, False, {}

    def render(self):
        return np.full((4, 6, 3), 128, np.uint8)


@pytest.mark.worker
def test_the_moments_are_those_of_gymnasium_from_the_same_seed(pushes):
    env = make_renderer(EnvConfig("CartPole-v1"))
    moments = list(watch_episode(pushes, env, seed=3, max_steps=500))
    env.close()
    plain, length, over = gym.make("CartPole-v1"), 0, False
    plain.reset(seed=3)
    while not over:
        _, _, terminated, truncated, _ = plain.step(1)
        over, length = terminated or truncated, length + 1
    assert [moment.env_step for moment in moments] == list(range(length + 1))
    assert (moments[-1].episode_return, moments[-1].ending) == (length, "terminated")
    assert {moment.ending for moment in moments[:-1]} == {""}
    assert moments[0].picture.shape == (400, 600, 3)
    assert not np.array_equal(moments[0].picture, moments[-1].picture)
    assert (int(moments[0].action), moments[0].scores.tolist()) == (1, [-0.5, 2.0])


def test_an_episode_is_cut_at_the_limit(pushes):
    moments = list(watch_episode(pushes, Grey(), seed=3, max_steps=4))
    assert [moment.ending for moment in moments] == ["", "", "", "", "cut"]
    assert moments[-1].episode_return == 2.0


def test_what_is_no_picture_is_refused(pushes):
    env = Grey()
    env.render = lambda: None
    with pytest.raises(CannotRender, match="no picture"):
        next(watch_episode(pushes, env, seed=3, max_steps=4))


@pytest.mark.worker
def test_an_environment_without_pictures_is_refused():
    with pytest.raises(CannotRender, match="rgb_array"):
        make_renderer(EnvConfig("arena/Chain-v0"))


@pytest.mark.parametrize(
    ("at", "where"),
    [
        ("reset", "the reset of the episode of seed 3"),
        ("step", "env step 2 of the episode of seed 3"),
        ("render", "env step 2 of the episode of seed 3, while it was drawn"),
    ],
)
def test_an_error_of_the_environments_own_code_is_told_with_its_place(pushes, at: str, where: str):
    env = gym.make("Raising-v0", at=at, render_mode="rgb_array", disable_env_checker=True)
    with pytest.raises(EnvironmentRaised, match=f"^environment Raising-v0 failed at {where}: KeyError"):
        list(watch_episode(pushes, env, seed=3, max_steps=4))
