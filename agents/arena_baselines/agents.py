"""Agents that learn nothing: what any other agent must beat."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.agent.interface import Agent, EnvFactory, Metrics
from arena.environments.choices import head_sizes, num_scores
from arena.environments.spaces import network_inputs
from arena.errors import ArenaError
from arena.formats.json import read_json, write_json
from arena.learning.transitions import TransitionStream
from arena.policies.onnx_network import Dense, PolicyNetwork
from arena.policies.policy import UniformPolicy
from arena.seeding import split_seed
from arena_baselines.config import ConstantConfig, RandomConfig
from arena_baselines.hash_policy import HashPolicy

Array = npt.NDArray[Any]


class RandomAgent(Agent):
    """Plays uniformly at random while it trains; its policy hashes observations into actions (see `hash_policy`)."""

    def __init__(self, env_factory: EnvFactory, config: RandomConfig, *, seed: int, device: str) -> None:
        del device  # NumPy has one
        training_seed, policy_seed = split_seed(seed, 2)
        self._stream = TransitionStream(env_factory.make_vec(config.num_envs))
        self._rng = np.random.default_rng(training_seed)
        self.uniform = UniformPolicy(env_factory.action_space, self._rng, env_factory.observation_space)
        self._policy = HashPolicy(env_factory.observation_space, env_factory.action_space, policy_seed)

    def learn(self, num_steps: int) -> Metrics:
        """Takes `num_steps` env steps of uniform actions."""
        return _play(self._stream, num_steps, self.uniform.act)

    def act(self, observations: Array) -> Array:
        """Returns the hashed actions `[N, *act]`: the same observation always gets the same action."""
        return self._policy.actions(observations)

    def export_policy(self, path: Path) -> None:
        """Writes the hash as an ONNX file; it gives the actions of `act` to the last bit."""
        self._policy.export(path)

    def save(self, directory: Path) -> None:
        """Writes the state of the generator."""
        write_json(directory / "state.json", {"rng": self._rng.bit_generator.state})

    def restore(self, directory: Path) -> None:
        """Takes over the state of the generator."""
        self._rng.bit_generator.state = read_json(directory / "state.json")["rng"]

    def close(self) -> None:
        """Closes the environments."""
        self._stream.env.close()


class ConstantAgent(Agent):
    """Takes one action, always; where an action mask forbids it, the first that is allowed."""

    def __init__(self, env_factory: EnvFactory, config: ConstantConfig, *, seed: int, device: str) -> None:
        del seed, device  # nothing is drawn, and NumPy has one device
        observation_space, action_space = env_factory.observation_space, env_factory.action_space
        num_inputs = int(np.prod(network_inputs(observation_space).shape))
        if not isinstance(action_space, gym.spaces.Box):
            sizes = head_sizes(action_space) or (num_scores(action_space),)
            if config.action >= min(sizes):
                raise ArenaError(f"constant: action={config.action}, but the environment's actions are 0 to {min(sizes) - 1}")
            scores = np.concatenate([np.eye(size, dtype=np.float32)[config.action] for size in sizes])
        else:
            scores = action_space.low + np.float32(config.box_fraction) * (action_space.high - action_space.low)
        layer = Dense(np.zeros((num_inputs, len(scores)), np.float32), scores.astype(np.float32))
        self._stream = TransitionStream(env_factory.make_vec(config.num_envs))
        self._network = PolicyNetwork([layer], observation_space, action_space)

    def learn(self, num_steps: int) -> Metrics:
        """Takes `num_steps` env steps of the one action."""
        return _play(self._stream, num_steps, self.act)

    def act(self, observations: Array) -> Array:
        """Returns the action, `[N, *act]`."""
        return self._network.actions(observations)

    def export_policy(self, path: Path) -> None:
        """Writes a network without weights whose bias is the action."""
        self._network.export(path)

    def save(self, directory: Path) -> None:
        """Writes nothing: the agent has no state."""

    def restore(self, directory: Path) -> None:
        """Reads nothing: the agent has no state."""

    def close(self) -> None:
        """Closes the environments."""
        self._stream.env.close()


def _play(stream: TransitionStream, num_steps: int, choose: Callable[[Array], Array]) -> Metrics:
    """Takes at least `num_steps` env steps with the actions of `choose`: `[N, *obs]` -> `[N, *act]`."""
    stream.start()
    taken, act_seconds = 0, 0.0
    while taken < num_steps:
        start = time.perf_counter()
        actions = choose(stream.observations)
        act_seconds += time.perf_counter() - start
        stream.step(actions)
        taken += stream.num_valid
    return Metrics(learner_steps=0, act_seconds=act_seconds)
