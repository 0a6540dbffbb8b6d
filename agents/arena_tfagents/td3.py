"""Twin delayed deep deterministic policy gradients (Fujimoto et al., 2018, arXiv:1802.09477) on TF-Agents.

Differs from the paper: several environments, bursts of updates between them, and noisy next actions that are not clipped to the bounds.
"""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from arena.agent.interface import Agent, Array, EnvFactory, Metrics
from arena.formats.json import read_json, write_json
from arena.formats.npz import read_arrays, write_arrays
from arena.learning.replay import ReplayBuffer
from arena.learning.replay_loop import ReplayLoop
from arena.policies.onnx_network import PolicyNetwork, squashed_mean
from arena.seeding import split_seed
from arena_tfagents.config import TFAgentsTD3Config
from arena_tfagents.framework import set_up
from arena_tfagents.td3_learner import TD3Learner


class TD3(Agent):
    """TF-Agents' `Td3Agent`; see `arena.agent.interface.Agent`."""

    def __init__(self, env_factory: EnvFactory, config: TFAgentsTD3Config, *, seed: int, device: str) -> None:
        space, observation_space = env_factory.action_space, env_factory.observation_space
        assert isinstance(observation_space, gym.spaces.Box)
        assert isinstance(space, gym.spaces.Box)
        network_seed, replay_seed, loop_seed, noise_seed = split_seed(seed, 4)
        self.config, self.action_space, self.observation_space = config, space, observation_space
        set_up(device, network_seed)
        self.learner = TD3Learner(config, observation_space, space, np.random.default_rng(network_seed))
        self.replay = ReplayBuffer(config.replay_capacity, observation_space, space, replay_seed)
        self._env = env_factory.make_vec(config.num_envs)
        self._loop = ReplayLoop(self._env, config, self.replay, loop_seed)
        self._noise_rng = np.random.default_rng(noise_seed)
        self._pull_weights()

    def learn(self, num_steps: int) -> Metrics:
        """Trains for at least `num_steps` env steps; acts by a NumPy copy of the actor."""
        return self._loop.run(num_steps, self._draw_actions, self._update)

    def _draw_actions(self, observations: Array) -> Array:
        actions = self.policy.scores(observations)
        noise = self._noise_rng.standard_normal(actions.shape, np.float32)
        return np.clip(actions + np.float32(self.config.exploration_noise) * noise, -1.0, 1.0)

    def _update(self, num_updates: int, update_target: bool) -> dict[str, float]:
        del update_target  # after every update of the actor
        size = self.config.batch_size
        sample = self.replay.sample(num_updates, size)
        noise = self._noise_rng.standard_normal((num_updates, size, *self.action_space.shape), np.float32)
        losses = self.learner.update(*sample, noise)
        self._pull_weights()
        return losses

    def _pull_weights(self) -> None:
        layers = squashed_mean(self.learner.layers(), self.action_space.shape[0])
        self.policy = PolicyNetwork(layers, self.observation_space, self.action_space, squashed=True)

    def act(self, observations: Array) -> Array:
        """Returns the actions `[N, *act]` of TF-Agents' greedy policy, scaled to the bounds."""
        return self.policy.scale_actions(self.learner.act(observations))

    def export_policy(self, path: Path) -> None:
        """Writes the greedy policy."""
        self.policy.export(path)

    def save(self, directory: Path) -> None:
        """Writes `learner.npz`, `state.json` and the transitions."""
        write_arrays(directory / "learner.npz", self.learner.arrays())
        state = {"replay": self.replay.save(directory), "loop": self._loop.state(), "noise_rng": self._noise_rng.bit_generator.state}
        write_json(directory / "state.json", state)

    def restore(self, directory: Path) -> None:
        """Takes over what `save` wrote."""
        self.learner.assign(read_arrays(directory / "learner.npz"))
        state: dict[str, Any] = read_json(directory / "state.json")
        self.replay.restore(directory, state["replay"])
        self._loop.restore(state["loop"])
        self._noise_rng.bit_generator.state = state["noise_rng"]
        self._pull_weights()

    def close(self) -> None:
        """Closes the environments."""
        self._env.close()
