import numpy as np
import pytest

from arena.environments.config import EnvConfig, WrapperConfig
from arena.environments.make import make_env, own_time_limit
from arena.errors import ArenaError

pytestmark = pytest.mark.extra
minigrid = pytest.importorskip("minigrid")


def test_a_view_becomes_planes_that_tell_kinds_colours_and_states_apart():
    env = make_env(EnvConfig("MiniGrid-DoorKey-5x5-v0", wrappers=(WrapperConfig("minigrid-image"),)))
    observation, _ = env.reset(seed=3)
    assert (observation.shape, observation.dtype) == ((7, 7, 20), np.uint8)
    assert own_time_limit(env) == 250
    babyai = make_env(EnvConfig("BabyAI-GoToLocal-v0", wrappers=(WrapperConfig("minigrid-image"),)))
    assert own_time_limit(babyai) is None
    view = env.unwrapped.gen_obs()["image"]
    kinds, colours, states = np.split(observation, [11, 17], axis=-1)
    for part, planes in enumerate((kinds, colours, states)):
        np.testing.assert_array_equal(planes.argmax(-1), view[..., part])
        assert (planes.sum(-1) == 1).all()
    assert len(np.unique(view[..., 0])) > 3


def test_every_cell_has_the_words_of_the_mission_beside_it():
    wrappers = [WrapperConfig("minigrid-mission", kwargs) for kwargs in ({}, {"hidden": True})]
    shown, hidden = (make_env(EnvConfig("BabyAI-GoToLocal-v0", wrappers=(wrapper,))) for wrapper in wrappers)
    missions = {}
    for seed in range(60):
        observation, _ = shown.reset(seed=seed)
        assert (observation.shape, observation.dtype) == ((7, 7, 56), np.uint8)
        assert shown.observation_space.contains(observation)
        words = observation[..., 20:]
        assert (words == words[0, 0]).all()
        missions[shown.unwrapped.mission] = tuple(words[0, 0])
        assert words[0, 0].sum() == len(set(shown.unwrapped.mission.split()))
        blind, _ = hidden.reset(seed=seed)
        np.testing.assert_array_equal(blind[..., :20], observation[..., :20])
        assert not blind[..., 20:].any()
    assert len(set(missions.values())) == len(missions) > 15, "two missions look alike"


def test_an_environment_without_a_view_is_refused():
    with pytest.raises(ArenaError, match="it goes around an environment of MiniGrid"):
        make_env(EnvConfig("CartPole-v1", wrappers=(WrapperConfig("minigrid-image"),)))


def test_the_flat_form_has_direction_view_and_words_of_the_mission():
    env = make_env(EnvConfig("BabyAI-GoToLocal-v0", wrappers=(WrapperConfig("minigrid-flat"),)))
    observation, _ = env.reset(seed=1)
    mission, names = env.unwrapped.mission, env.feature_names
    assert observation.shape == (4 + 980 + 256,) == (len(names),)
    assert observation[4:984].sum() == 3 * 49
    words = {name.partition(": ")[2] for name, value in zip(names, observation, strict=True) if value and name.startswith("mission")}
    assert {word for place in words for word in place.split("|")} == set(mission.split())  # some words share a place
