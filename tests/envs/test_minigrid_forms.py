import numpy as np
import pytest

from arena.environments.config import EnvConfig, WrapperConfig
from arena.environments.make import make_env
from arena.errors import ArenaError

pytestmark = pytest.mark.extra
minigrid = pytest.importorskip("minigrid")


def test_a_view_becomes_planes_that_tell_kinds_colours_and_states_apart():
    env = make_env(EnvConfig("MiniGrid-DoorKey-5x5-v0", wrappers=(WrapperConfig("minigrid-image"),)))
    observation, _ = env.reset(seed=3)
    assert (observation.shape, observation.dtype) == ((7, 7, 20), np.uint8)
    view = env.unwrapped.gen_obs()["image"]
    kinds, colours, states = np.split(observation, [11, 17], axis=-1)
    for part, planes in enumerate((kinds, colours, states)):
        np.testing.assert_array_equal(planes.argmax(-1), view[..., part])
        assert (planes.sum(-1) == 1).all()
    assert len(np.unique(view[..., 0])) > 3


def test_an_environment_without_a_view_is_refused():
    with pytest.raises(ArenaError, match="it goes around an environment of MiniGrid"):
        make_env(EnvConfig("CartPole-v1", wrappers=(WrapperConfig("minigrid-image"),)))
