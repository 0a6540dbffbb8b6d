"""Deep Q-learning (Mnih et al., 2015, doi:10.1038/nature14236) and C51 (Bellemare et al., 2017, arXiv:1707.06887) on TF-Agents.

Differs from the papers: Adam, several environments, and bursts of updates between them; DQN has the Huber loss.
"""

from pathlib import Path

import gymnasium as gym
import numpy as np

from arena.agent.interface import Agent, Array, EnvFactory, Metrics
from arena.formats.json import read_json, write_json
from arena.formats.npz import read_arrays, write_arrays
from arena.learning.replay import ReplayBuffer
from arena.learning.replay_loop import ReplayLoop
from arena.policies.onnx_network import PolicyNetwork
from arena.seeding import split_seed
from arena_tfagents.config import C51Config, TFAgentsDQNConfig
from arena_tfagents.framework import set_up
from arena_tfagents.learner import Learner
from arena_tfagents.replay import TFAgentsReplay


class DQN(Agent):
    """TF-Agents' `DqnAgent`, `DdqnAgent` or `CategoricalDqnAgent`, by the config; see `arena.agent.interface.Agent`."""

    def __init__(self, env_factory: EnvFactory, config: TFAgentsDQNConfig, *, seed: int, device: str) -> None:
        assert isinstance(env_factory.observation_space, gym.spaces.Box)
        assert isinstance(env_factory.action_space, gym.spaces.Discrete)
        spaces = env_factory.observation_space, env_factory.action_space
        self.config, self._spaces = config, spaces
        network_seed, replay_seed, loop_seed = split_seed(seed, 3)
        set_up(device, network_seed)
        self.learner = Learner(config, *spaces, np.random.default_rng(network_seed))
        replay_class = ReplayBuffer if config.replay == "arena" else TFAgentsReplay
        self.replay = replay_class(config.replay_capacity, *spaces, replay_seed)
        self._env = env_factory.make_vec(config.num_envs)
        self._loop = ReplayLoop(self._env, config, self.replay, loop_seed)
        self.network = self._policy_network()

    def _policy_network(self) -> PolicyNetwork:
        config = self.config
        support = np.linspace(config.min_q_value, config.max_q_value, config.num_atoms) if isinstance(config, C51Config) else None
        return PolicyNetwork(self.learner.layers(), *self._spaces, support=support)

    def learn(self, num_steps: int) -> Metrics:
        """Trains for at least `num_steps` env steps; acts by a NumPy copy of the network."""
        return self._loop.run(num_steps, lambda observations: self.network.scores(observations), self._update)

    def _update(self, num_updates: int, update_target: bool) -> dict[str, float]:
        del update_target  # TF-Agents counts its own optimizer steps, to the same effect
        losses = self.learner.update(*self.replay.sample(num_updates, self.config.batch_size))
        self.network = self._policy_network()
        return losses

    def act(self, observations: Array) -> Array:
        """Returns the actions `[N]` of TF-Agents' greedy policy."""
        return self.learner.act(observations)

    def export_policy(self, path: Path) -> None:
        """Writes the online network; its scores are action values."""
        self._policy_network().export(path)

    def save(self, directory: Path) -> None:
        """Writes `learner.npz`, `state.json` and the transitions."""
        write_arrays(directory / "learner.npz", self.learner.arrays())
        write_json(directory / "state.json", {"replay": self.replay.save(directory), "loop": self._loop.state()})

    def restore(self, directory: Path) -> None:
        """Takes over what `save` wrote."""
        self.learner.assign(read_arrays(directory / "learner.npz"))
        state = read_json(directory / "state.json")
        self.replay.restore(directory, state["replay"])
        self._loop.restore(state["loop"])
        self.network = self._policy_network()

    def close(self) -> None:
        """Closes the environments."""
        self._env.close()
