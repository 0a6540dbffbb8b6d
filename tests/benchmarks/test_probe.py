import json
import sys
import time
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.classic_control.cartpole import CartPoleEnv, CartPoleVectorEnv

from benchmarks.child.probe import LoopProbe, peak_rss_bytes


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> LoopProbe:
    request = {"loop": "dqn", "env_steps": 10, "seed": 3, "hyperparameters": {"num_envs": 2}, "started": time.monotonic() - 5.0}
    monkeypatch.setattr(sys, "argv", ["loop", json.dumps(request)])
    return LoopProbe()


def test_one_line_says_what_was_measured(probe: LoopProbe, capsys: pytest.CaptureFixture[str]):
    steps = CartPoleEnv.step, CartPoleVectorEnv.step
    env = gym.make("CartPole-v1")
    env.reset(seed=probe.seed)
    assert probe.start_seconds == 0.0
    env.step(0)
    assert (CartPoleEnv.step, CartPoleVectorEnv.step) != steps  # watched until the first step alone
    loop = SimpleNamespace(collect=lambda: (time.sleep(0.02), step.step()), train=lambda: time.sleep(0.01))
    step = SimpleNamespace(step=lambda: time.sleep(0.02))
    probe.timed(step, "step", "env")
    probe.timed(loop, "collect", "collect")
    probe.timed(loop, "train", "learn")
    loop.train()  # the warm-up
    probe.begin()
    loop.collect()
    loop.train()
    probe.finish(env_steps=10, updates=7)
    line = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert (line["env_steps"], line["updates"]) == (10, 7)
    assert line["start_seconds"] >= 5.0
    parts = line["parts"]
    assert set(parts) == {"env", "act", "learn"}
    assert parts["env"] >= 0.02
    assert parts["act"] >= 0.02
    assert parts["learn"] >= 0.01
    assert line["wall_seconds"] >= sum(parts.values())
    assert line["peak_rss_bytes"] > 2**20


def test_a_step_after_the_first_costs_nothing(probe: LoopProbe):
    env, actions = CartPoleVectorEnv(num_envs=2), np.array([0, 1])
    env.reset(seed=0)
    env.step(actions)
    first = probe.start_seconds
    assert first >= 5.0
    assert CartPoleVectorEnv.step.__name__ == CartPoleEnv.step.__name__ == "step"
    env.step(actions)
    assert probe.start_seconds == first


def test_memory_of_a_process_that_is_gone_is_unknown():
    assert peak_rss_bytes(2**22 + 1) is None
