"""What the SAC and TD3 of TF-Agents share as agents: replay, the loop, a NumPy copy of the actor that acts, checkpoints and exports."""

import abc
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
from arena_tfagents.actor_critic_learner import ActorCriticConfig, ActorCriticLearner
from arena_tfagents.framework import set_up


class ActorCriticAgent(Agent):
    """Actor-critic of TF-Agents for Box actions, but for its learner and for how it explores; see `arena.agent.interface.Agent`."""

    learner_class: type[ActorCriticLearner]
    """Class of the learner."""

    def __init__(self, env_factory: EnvFactory, config: ActorCriticConfig, *, seed: int, device: str) -> None:
        space, observation_space = env_factory.action_space, env_factory.observation_space
        assert isinstance(observation_space, gym.spaces.Box)
        assert isinstance(space, gym.spaces.Box)
        network_seed, replay_seed, loop_seed, noise_seed = split_seed(seed, 4)
        self.config, self.action_space, self.observation_space = config, space, observation_space
        set_up(device, network_seed)
        self.learner = self.learner_class(config, observation_space, space, np.random.default_rng(network_seed))
        self.replay = ReplayBuffer(config.replay_capacity, observation_space, space, replay_seed)
        self._env = env_factory.make_vec(config.num_envs)
        self._loop = ReplayLoop(self._env, config, self.replay, loop_seed)
        self.noise_rng = np.random.default_rng(noise_seed)
        self.pull_weights()

    @abc.abstractmethod
    def draw_actions(self, observations: Array) -> Array:
        """Returns unscaled actions `float32 [N, A]` for `observations` `[N, *obs]`, with the noise of `noise_rng`."""

    @abc.abstractmethod
    def draw_noises(self, *shape: int) -> tuple[Array, ...]:
        """Returns standard normal noise for a burst of updates: as many arrays `float32` of `shape` as the learner's update takes."""

    def learn(self, num_steps: int) -> Metrics:
        """Trains for at least `num_steps` env steps; acts by a NumPy copy of the actor."""
        return self._loop.run(num_steps, self.draw_actions, self._update)

    def _update(self, num_updates: int, update_target: bool) -> dict[str, float]:
        del update_target  # TF-Agents moves its target networks by itself
        size = self.config.batch_size
        sample = self.replay.sample(num_updates, size)
        losses = self.learner.update(*sample, *self.draw_noises(num_updates, size, *self.action_space.shape))
        self.pull_weights()
        return losses

    def pull_weights(self) -> None:
        """Fetches the actor's weights into the NumPy policy, which acts and is exported."""
        layers = squashed_mean(self.learner.layers(), self.action_space.shape[0])
        self.policy = PolicyNetwork(layers, self.observation_space, self.action_space, squashed=True)

    def act(self, observations: Array) -> Array:
        """Returns the actions `[N, *act]` of TF-Agents' greedy policy, scaled to the bounds."""
        return self.policy.scale_actions(self.learner.act(observations))

    def export_policy(self, path: Path) -> None:
        """Writes the greedy policy: tanh of the means."""
        self.policy.export(path)

    def save(self, directory: Path) -> None:
        """Writes `learner.npz`, `state.json` and the transitions."""
        write_arrays(directory / "learner.npz", self.learner.arrays())
        state = {"replay": self.replay.save(directory), "loop": self._loop.state(), "noise_rng": self.noise_rng.bit_generator.state}
        write_json(directory / "state.json", state)

    def restore(self, directory: Path) -> None:
        """Takes over what `save` wrote."""
        self.learner.assign(read_arrays(directory / "learner.npz"))
        state: dict[str, Any] = read_json(directory / "state.json")
        self.replay.restore(directory, state["replay"])
        self._loop.restore(state["loop"])
        self.noise_rng.bit_generator.state = state["noise_rng"]
        self.pull_weights()

    def close(self) -> None:
        """Closes the environments."""
        self._env.close()
