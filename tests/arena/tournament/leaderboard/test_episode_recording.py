"""Replays show the episodes that were played: `evaluate` and PettingZoo are the oracles."""

import base64
import io
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from arena.environments.config import EnvConfig
from arena.environments.rendering import CannotRender
from arena.policies.evaluation import evaluate
from arena.tournament.leaderboard.episode_recording import record_episode
from arena.tournament.leaderboard.match_replays import Pane
from arena.watching import film
from arena.watching.film import FRAME_WIDTH, MAX_FRAMES

Array = npt.NDArray[Any]


@pytest.fixture(autouse=True)
def short_films() -> None:
    """Leaves the episodes all their frames, which are what is tested here."""


class Balance:
    """Pushes the cart under the pole; holds it for hundreds of steps."""

    def act(self, observations: Array, *, action_masks: Array | None = None) -> Array:
        return np.asarray(observations[:, 2] + 0.5 * observations[:, 3] > 0).astype(np.int64)


class Jitter:
    """Depends on the last bits of what it sees, and on nothing else."""

    def act(self, observations: Array, *, action_masks: Array | None = None) -> Array:
        return np.asarray(np.abs(observations.sum(-1) * 1e4).astype(np.int64) % 2)


def _sheet(pane: Pane) -> Image.Image:
    kind, _, content = pane.sheet.partition(",")
    assert kind == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


def test_a_vectorised_environment_is_played_again_from_the_same_start() -> None:
    env = EnvConfig("CartPole-v1")
    evaluation = evaluate(Jitter(), env, num_episodes=6, seed=3)
    assert len(set(evaluation.episode_returns)) > 1
    pane = record_episode(Jitter(), env, player="jitter", num_episodes=6, seed=3, episode=5, num_steps=int(evaluation.episode_lengths[5]))
    assert pane.times[-1] == evaluation.episode_lengths[5]
    assert pane.returns[-1] == evaluation.episode_returns[5]
    assert pane.times == tuple(range(len(pane.times)))  # short: every step has its frame
    image = _sheet(pane)
    assert image.size == (pane.columns * pane.width, -(-len(pane.times) // pane.columns) * pane.height)
    assert pane.width == FRAME_WIDTH


def test_environments_side_by_side_are_played_again_from_the_same_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film, "MAX_FRAMES", 5)
    env = EnvConfig("MountainCarContinuous-v0")

    class Pump:
        def act(self, observations: Array, *, action_masks: Array | None = None) -> Array:
            return np.sign(observations[:, 1:]).astype(np.float32)

    evaluation = evaluate(Pump(), env, num_episodes=3, seed=8)
    pane = record_episode(Pump(), env, player="pump", num_episodes=3, seed=8, episode=2, num_steps=int(evaluation.episode_lengths[2]))
    assert pane.times[-1] == evaluation.episode_lengths[2]
    assert pane.returns[-1] == pytest.approx(evaluation.episode_returns[2], abs=0.006)


def test_a_long_episode_has_evenly_spaced_frames_and_its_end() -> None:
    pane = record_episode(Balance(), EnvConfig("CartPole-v1"), player="balance", num_episodes=1, seed=0, episode=0, num_steps=500)
    assert pane.times[-1] == 500
    assert MAX_FRAMES / 2 <= len(pane.times) <= MAX_FRAMES
    assert len(set(np.diff(pane.times[:-1]))) == 1
    assert pane.returns == tuple(float(time) for time in pane.times)  # CartPole pays one a step
    frames = np.asarray(_sheet(pane).convert("L"))
    start = frames[: pane.height, : pane.width]
    assert start.std() > 10  # something is drawn
    assert len(pane.sheet) < 100_000


def test_an_environment_that_draws_nothing_is_named_not_shown() -> None:
    class Still:
        def act(self, observations: Array, *, action_masks: Array | None = None) -> Array:
            return np.zeros(len(observations), np.int64)

    with pytest.raises(CannotRender, match="rgb_array"):
        record_episode(Still(), EnvConfig("arena/Chain-v0"), player="still", num_episodes=1, seed=0, episode=0, num_steps=5)
    assert "arena/Chain-v0" in gym.registry


def test_an_environment_that_fails_to_draw_does_not_cost_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object) -> None:
        raise RuntimeError("no such display")

    monkeypatch.setattr("gymnasium.envs.classic_control.cartpole.CartPoleEnv.render", fail)
    with pytest.raises(CannotRender, match="no such display"):
        record_episode(Balance(), EnvConfig("CartPole-v1"), player="balance", num_episodes=1, seed=0, episode=0, num_steps=5)


def test_episodes_are_numbered_through_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arena.policies.evaluation.MAX_PARALLEL_ENVS", 2)
    env = EnvConfig("CartPole-v1")
    evaluation = evaluate(Jitter(), env, num_episodes=5, seed=3)
    num_steps = int(evaluation.episode_lengths[4])
    pane = record_episode(Jitter(), env, player="jitter", num_episodes=5, seed=3, episode=4, num_steps=num_steps)
    assert pane.returns[-1] == evaluation.episode_returns[4]
