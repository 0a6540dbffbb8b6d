"""Evaluation side by side: one network that keeps the pole up, as `policy.onnx` for us and as plain arrays for peers.

python -m benchmarks.balance REQUEST     # see benchmarks.child.probe; plays `policy.onnx` by `arena.policies.evaluation`
"""

from pathlib import Path

import gymnasium as gym
import numpy as np

from arena.environments.make import EnvConfig, make_env
from arena.policies.evaluation import evaluate
from arena.policies.policy import OnnxPolicy
from arena.policies.policy_network import Dense, PolicyNetwork
from benchmarks.child.probe import Probe

HIDDEN = 64
NUM_EPISODES = 100
LEAN = (0.1, 0.3, 1.0, 0.5)
"""Weights of position, velocity, angle and angular velocity: pushing to where their sum points holds the pole for 500 steps."""


def balancing_network() -> PolicyNetwork:
    """Returns a 64 x 64 network that holds the pole: two units carry the sum, 62 compute to no effect."""
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
    """Writes the network as `policy.onnx` and, for peers, as `weights.npz`."""
    network = balancing_network()
    network.export(folder / "policy.onnx")
    with (folder / "weights.npz").open("wb") as file:
        arrays = {
            f"{name}_{index}": array
            for index, layer in enumerate(network.layers)
            for name, array in (("k", layer.kernel), ("b", layer.bias))
        }
        np.savez(file, **arrays)  # type: ignore[arg-type]


def main() -> None:
    """Evaluates over 100 episodes, the environments made anew, as the training loop and `arena tournament` do."""
    probe = Probe()
    policy = OnnxPolicy(Path(probe.hyperparameters["folder"]) / "policy.onnx")
    config = EnvConfig("CartPole-v1")
    evaluate(policy, config, num_episodes=2, seed=1)
    probe.begin()
    evaluation = evaluate(policy, config, num_episodes=NUM_EPISODES, seed=probe.seed)
    probe.finish(env_steps=int(evaluation.episode_lengths.sum()), updates=0, episode_return_mean=evaluation.episode_return_mean)


if __name__ == "__main__":
    main()
