"""Evaluations in a worker: of an environment of which only one can exist, and how far they are."""

from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena.errors import EnvironmentUnavailable
from arena.run_folder.events import PhaseBegan, update_of
from arena.worker import evaluating
from arena.worker.evaluating import Evaluator

SEED = 5


class Device(gym.Env[Any, Any]):
    """An environment of which `room` can exist; its first observation is drawn."""

    num_open = 0
    room = 1

    def __init__(self) -> None:
        self.observation_space = gym.spaces.Box(0.0, 1.0, (1,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        if Device.num_open >= Device.room:
            raise OSError(98, "Address already in use")
        Device.num_open += 1
        self.is_open = True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        assert self.is_open
        return self.np_random.random(1).astype(np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return self.np_random.random(1).astype(np.float32), 1.0, False, False, {}

    def close(self) -> None:
        assert self.is_open, "closed twice"
        self.is_open = False
        Device.num_open -= 1


class Constant:
    def act(self, observations: Any, *, action_masks: Any = None) -> Any:
        return np.zeros(len(observations), np.int64)


@pytest.fixture(autouse=True)
def device() -> Iterator[None]:
    gym.register("Device-v0", entry_point=Device, max_episode_steps=4, disable_env_checker=True)
    Device.num_open, Device.room = 0, 1
    yield
    del gym.registry["Device-v0"]


def parts(make_run: Any, num_envs: int = 1) -> tuple[ArenaEnvFactory, Evaluator, list[Any]]:
    run = make_run(envs=["Device-v0"], evaluation={"num_envs": num_envs})
    events: list[Any] = []
    factory = ArenaEnvFactory(run.env, Meter(), np.random.SeedSequence(SEED))
    return factory, Evaluator(run, factory, events.append), events


@pytest.mark.parametrize("single", [False, True])
def test_environments_of_training_make_room_and_are_made_again(make_run, single: bool) -> None:
    factory, evaluator, _ = parts(make_run)
    env = factory.make() if single else factory.make_vec(1)
    starts = []
    for _ in range(3):
        starts.append(float(np.ravel(env.reset()[0])[0]))
        env.step(0 if single else np.zeros(1, np.int64))
        evaluation = evaluator.play(Constant(), 3, 0)
        assert evaluation.episode_returns.tolist() == [4.0] * 3
        assert env.must_reset
        assert Device.num_open == 0, "training's is closed until it is reset"
    assert factory.meter.env_steps == 3
    assert factory.meter.num_cut_episodes == 3
    assert len(set(starts)) == 3, "each begins with a seed of its own"
    assert factory.num_cuts == 3
    env.close()
    assert Device.num_open == 0


def test_where_there_is_room_nothing_is_closed(make_run) -> None:
    Device.room = 2
    factory, evaluator, _ = parts(make_run)
    env = factory.make_vec(1)
    env.reset()
    evaluator.play(Constant(), 3, 0)
    assert not env.must_reset
    assert Device.num_open == 1
    env.close()


def test_too_many_environments_at_once_are_named_with_the_setting(make_run) -> None:
    factory, evaluator, _ = parts(make_run, num_envs=2)
    factory.make_vec(1).reset()
    with pytest.raises(EnvironmentUnavailable, match=r"Address already in use.*evaluation.num_envs = 1"):
        evaluator.play(Constant(), 3, 0)


def test_a_long_evaluation_is_a_phase_of_its_own(make_run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluating, "SHOWN_AFTER_SECONDS", 0.0)
    Device.room = 9
    _, evaluator, events = parts(make_run, num_envs=2)
    evaluator.play(Constant(), 4, 0)
    assert events[0] == PhaseBegan(phase="evaluating", progress="0/4")
    assert events[-1] == PhaseBegan(phase="training")
    assert update_of(events[0], 10) == {"status": "evaluating", "progress": "0/4", "max_env_steps": 10}


def test_a_short_evaluation_is_none(make_run) -> None:
    Device.room = 9
    _, evaluator, events = parts(make_run)
    evaluator.play(Constant(), 1, 0)
    assert events == []
