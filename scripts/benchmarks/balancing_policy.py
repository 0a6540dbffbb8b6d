"""A network that keeps the pole of CartPole-v1 up, as `policy.onnx` for us and as plain arrays for SB3."""

from pathlib import Path

import gymnasium as gym
import numpy as np

from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from arena.policies.onnx_network import Dense, PolicyNetwork

HIDDEN = 64
LEAN = (0.1, 0.3, 1.0, 0.5)
"""Weights of position, velocity, angle and angular velocity: a push towards the sign of their sum holds the pole for 500 steps."""


def balancing_network() -> PolicyNetwork:
    """Returns a 64 x 64 network that holds the pole: two units of a layer carry the sum, the other 62 change nothing."""
    env = make_env(EnvConfig("CartPole-v1"))
    assert isinstance(env.observation_space, gym.spaces.Box)
    assert isinstance(env.action_space, gym.spaces.Discrete)
    rng = np.random.default_rng(0)
    first, second, last = (rng.normal(size=shape).astype(np.float32) for shape in ((4, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 2)))
    first[:, 0], first[:, 1] = LEAN, np.negative(LEAN)  # a relu keeps one of the two
    second[:, :2], last[:] = 0.0, 0.0
    second[0, 0] = second[1, 1] = 1.0
    last[0, 0] = last[1, 1] = -1.0
    biases = [np.zeros(size, np.float32) for size in (HIDDEN, HIDDEN, 2)]
    layers = [Dense(first, biases[0], "relu"), Dense(second, biases[1], "relu"), Dense(last, biases[2])]
    return PolicyNetwork(layers, env.observation_space, env.action_space)


def write_policy(folder: Path) -> None:
    """Writes the network as `policy.onnx` and, for SB3, as `weights.npz`."""
    network = balancing_network()
    network.export(folder / "policy.onnx")
    with (folder / "weights.npz").open("wb") as file:
        arrays = {
            f"{name}_{index}": array
            for index, layer in enumerate(network.layers)
            if isinstance(layer, Dense)
            for name, array in (("k", layer.kernel), ("b", layer.bias))
        }
        np.savez(file, **arrays)  # type: ignore[arg-type]
