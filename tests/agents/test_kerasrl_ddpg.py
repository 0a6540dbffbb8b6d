"""Keras-RL's DDPG: an update is keras-rl2's own `backward`, and the targets follow. Contract and probes: test_contract.py."""

from typing import Any

import numpy as np
import pytest
from question_server import ask

from arena.agent.registry import agent_spec
from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena_kerasrl.config import KerasRLDDPGConfig

pytestmark = [pytest.mark.framework, pytest.mark.xdist_group("kerasrl")]
BATCH = 16


def in_worker(question: Any, *arguments: Any) -> Any:
    """Calls `question` in the process of Keras-RL."""
    return ask(question, *arguments, spec=agent_spec("kerasrl-ddpg"))


def make_functions(settings: dict[str, Any]) -> Any:
    """Returns an agent and its functions, for Pendulum-v1."""
    from arena_kerasrl.ddpg import DDPG

    config = KerasRLDDPGConfig(hidden_sizes=(16, 16), batch_size=BATCH, **settings)
    agent = DDPG(ArenaEnvFactory(EnvConfig("Pendulum-v1"), Meter(), np.random.SeedSequence(0)), config, seed=0, device="cpu")
    return agent, agent.functions


def draw_minibatch(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Returns observations, actions, rewards, next observations and ends."""
    observations, next_observations = rng.normal(size=(2, BATCH, 3)).astype(np.float32)
    actions, rewards = rng.uniform(-1.0, 1.0, (BATCH, 1)).astype(np.float32), rng.normal(size=BATCH).astype(np.float32)
    return observations, actions, rewards, next_observations, rng.random(BATCH) < 0.2


class Scripted:
    """Stands in for keras-rl2's memory: gives the minibatch that it is told."""

    def __init__(self) -> None:
        self.minibatch: list[Any] = []

    def append(self, *_: Any, **__: Any) -> None:
        """Forgets it."""

    def sample(self, _: int) -> list[Any]:
        """Returns the minibatch."""
        return self.minibatch


def update_beside_keras_rl(settings: dict[str, Any]) -> tuple[list[str], dict[str, float]]:
    """Returns the arrays that differ from keras-rl2's after 20 updates, and how far the first kernel of each part has moved."""
    from rl.memory import Experience

    agents, (ours, theirs) = zip(*(make_functions({"target_update_tau": 1.0, **settings}) for _ in range(2)), strict=True)
    before, stock, rng = theirs.state(), theirs.agent, np.random.default_rng(0)
    ours.restore(ours.state())
    stock.training, stock.step, stock.memory, stock.target_model_update = True, 1, Scripted(), 1
    stock.nb_steps_warmup_actor = stock.nb_steps_warmup_critic = 0
    for _ in range(20):
        minibatch = draw_minibatch(rng)
        stock.memory.minibatch = [Experience([s], a, float(r), [n], bool(t)) for s, a, r, n, t in zip(*minibatch, strict=True)]
        stock.backward(1.0, False)
        ours.update(*minibatch)
    found, expected = ours.state(), theirs.state()
    for agent in agents:
        agent.close()
    assert found.keys() == expected.keys()
    parts = ("actor", "critic", "target_actor", "target_critic")
    moved = {part: float(np.abs(expected[f"{part}.0"] - before[f"{part}.0"]).max()) for part in parts}
    return [name for name in expected if not np.array_equal(found[name], expected[name])], moved


@pytest.mark.parametrize("settings", [{}, {"max_gradient_norm": 0.01, "huber_delta": 0.3, "activation": "tanh"}], ids=["plain", "clipped"])
def test_an_update_is_keras_rl_backward(settings: dict[str, Any]):
    """With targets that are copied after each update; keras-rl2 moves them in no set order with the gradient step otherwise."""
    different, moved = in_worker(update_beside_keras_rl, settings)
    assert different == []
    assert min(moved.values()) > 1e-3, "nothing is compared where nothing moves"


def follow_by_tau() -> tuple[float, float]:
    """Returns how far the targets are from where they should be after three updates, and how far the weights moved at least in one."""
    agent, functions = make_functions({"target_update_tau": 0.25, "learning_rate": 0.01})
    rng, errors, moves = np.random.default_rng(0), [], []
    for _ in range(3):
        before = functions.state()
        functions.update(*draw_minibatch(rng))
        after = functions.state()
        for name in (f"{part}.{index}" for part in ("actor", "critic") for index in range(6)):
            moves.append(np.abs(after[name] - before[name]).max())
            errors.append(np.abs(after[f"target_{name}"] - (0.25 * after[name] + 0.75 * before[f"target_{name}"])).max())
    agent.close()
    return float(max(errors)), float(min(moves))


def test_targets_follow_the_new_weights_by_tau():
    error, move = in_worker(follow_by_tau)
    assert error < 1e-6
    assert move > 1e-4
