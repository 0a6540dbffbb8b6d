import dataclasses
import time

import gymnasium as gym
import numpy as np
import pytest

from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from arena.environments.user_modules import newest_version
from arena.policies.bounded import whole_episodes
from arena.policies.bounded.whole_episodes import WholeEpisodes, own_registration, play_whole, read_episodes
from arena.policies.evaluation import evaluate

ID = "CartPole-v1"


class Leaning:
    """Pushes towards the side to which the pole leans."""

    def act(self, observations, *, action_masks=None):
        return (observations[:, 2] > 0).astype(np.int64)


def asked(**options) -> WholeEpisodes:
    return WholeEpisodes(**{"env_id": ID, "spec": own_registration(ID), "num_episodes": 130, "seed": 3, "action_seconds": 60.0, **options})


def nothing() -> None:
    pass


def test_whole_episodes_are_those_of_an_evaluation():
    content = play_whole(Leaning().act, asked(), 60.0, nothing)
    returns, lengths = read_episodes(memoryview(content), asked())
    evaluation = evaluate(Leaning(), EnvConfig(ID), num_episodes=130, seed=3)
    assert returns.tolist() == evaluation.episode_returns.tolist()
    assert lengths.tolist() == evaluation.episode_lengths.tolist()
    assert len(set(lengths.tolist())) > 5
    assert asked().max_calls == 2 * 500


class Varied:
    """Acts by the largest feature."""

    def __init__(self, space: gym.Space) -> None:
        self.space = space

    def act(self, observations, *, action_masks=None):
        if isinstance(self.space, gym.spaces.Discrete):
            return observations.argmax(1) % int(self.space.n)
        return observations[:, :1]


@pytest.mark.parametrize("env_id", ["Acrobot-v1", "MountainCarContinuous-v0", "FrozenLake-v1", "Blackjack-v1"])
@pytest.mark.parametrize("has_arrays", [True, False])
def test_whole_episodes_are_stepped_as_arrays_or_one_by_one(env_id, has_arrays, monkeypatch):
    limit = 10
    spec = dataclasses.replace(gym.spec(env_id), max_episode_steps=limit)
    monkeypatch.setitem(gym.registry, env_id, spec)
    if not has_arrays:
        monkeypatch.setattr(whole_episodes, "own_plugin", lambda: None)
    request = asked(env_id=env_id, spec=own_registration(env_id), num_episodes=129)  # the last batch is of one
    policy = Varied(make_env(EnvConfig(env_id)).action_space)
    returns, lengths = read_episodes(memoryview(play_whole(policy.act, request, 60.0, nothing)), request)
    evaluation = evaluate(policy, EnvConfig(env_id), num_episodes=129, seed=3)
    assert returns.tolist() == evaluation.episode_returns.tolist()
    assert lengths.tolist() == evaluation.episode_lengths.tolist()


def test_actions_of_a_box_are_checked(monkeypatch):
    request = asked(env_id="Pendulum-v1", spec=own_registration("Pendulum-v1"), num_episodes=2)
    for wrong in (np.full((2, 1), np.nan, np.float32), np.zeros((2, 2), np.float32)):
        with pytest.raises(ValueError, match="it chose an action"):
            play_whole(lambda observations, wrong=wrong: wrong, request, 60.0, nothing)


@pytest.mark.parametrize(
    ("act", "options", "call_seconds", "reason"),
    [
        (lambda observations: np.full(len(observations), 2), {}, 60.0, "it chose an action"),
        (lambda observations: np.full(len(observations), -1), {}, 60.0, "it chose an action"),
        (lambda observations: np.zeros(1, np.int64), {}, 60.0, "it chose an action"),
        (Leaning().act, {"action_seconds": 0.0}, 60.0, "it was late"),
        (Leaning().act, {}, 0.0, "it was late"),
        (Leaning().act, {"spec": "{}"}, 60.0, "is registered differently"),
    ],
)
def test_episodes_that_cannot_be_played_to_their_ends_are_an_error(act, options, call_seconds, reason):
    with pytest.raises((ValueError, TimeoutError), match=reason):
        play_whole(act, asked(**options), call_seconds, nothing)


def test_signs_of_life_are_given_between_calls(monkeypatch):
    signs = []
    play_whole(Leaning().act, asked(num_episodes=2), 60.0, lambda: signs.append(time.monotonic()))
    few = len(signs)
    monkeypatch.setattr(whole_episodes, "SIGN_SECONDS", 0.0)
    play_whole(Leaning().act, asked(num_episodes=2), 60.0, lambda: signs.append(time.monotonic()))
    assert len(signs) - few > max(10, few)


@pytest.mark.parametrize(
    ("returns", "lengths"),
    [
        ([1.0, np.nan], [1, 1]),
        ([1.0, np.inf], [1, 1]),
        ([1.0, 1.0], [1, 501]),
        ([1.0, 1.0], [0, 1]),
        ([1.0], [1]),
        ([1.0] * 3, [1] * 3),
    ],
)
def test_what_no_episodes_of_the_environment_can_be_is_not_taken(returns, lengths):
    content = np.array(returns).tobytes() + np.array(lengths, np.int64).tobytes()
    assert read_episodes(memoryview(content), asked(num_episodes=2)) is None


def test_only_gymnasiums_own_registrations_qualify(monkeypatch):
    entry, vector = gym.spec(ID).entry_point, gym.spec(ID).vector_entry_point
    assert own_registration(ID) is not None
    for env_id in ("CliffWalking-v1", "LunarLander-v3", "phys2d/CartPole-v1", "absent-v0", f"math:{ID}"):
        assert own_registration(env_id) is None
    for env_id in ("Acrobot-v1", "MountainCarContinuous-v0", "FrozenLake-v1", newest_version("Taxi")):
        assert own_registration(env_id) is not None
    options = {"entry_point": entry, "vector_entry_point": vector, "max_episode_steps": 500}
    for change in (
        {"entry_point": "mine:Env"},
        {"vector_entry_point": "mine:Envs"},
        {"vector_entry_point": f"{whole_episodes.PACKAGES[0][:-1]}_mine:Envs"},
        {"vector_entry_point": gym.Env},
        {"max_episode_steps": None},
        {"kwargs": {"sutton_barto_reward": True}},
        {"additional_wrappers": (gym.wrappers.RecordEpisodeStatistics.wrapper_spec(),)},
    ):
        spec = gym.envs.registration.EnvSpec(ID, **{**options, **change})
        monkeypatch.setitem(gym.registry, ID, spec)
        assert own_registration(ID) is None, change
    monkeypatch.setitem(gym.registry, ID, gym.envs.registration.EnvSpec(ID, **{**options, "max_episode_steps": 50}))
    assert asked().max_episode_steps == 50
