"""Deep Q-learning (Mnih et al., 2015, doi:10.1038/nature14236) on Keras 3. Differs from the paper: Adam, updates in bursts."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from arena.agent.interface import Agent, EnvFactory, Metrics
from arena.formats.json import read_json, write_json
from arena.formats.npz import read_arrays, write_arrays
from arena.learning.replay import ReplayBuffer
from arena.learning.replay_loop import ReplayLoop
from arena.policies.onnx_network import PolicyNetwork
from arena.policies.parity import PARITY_BATCH_SIZE
from arena.seeding import split_seed
from arena_keras.config import KerasDQNConfig
from arena_keras.distributions import pick
from arena_keras.engine import BACKEND, Engine
from arena_keras.learner import Learner, Loss
from arena_keras.networks import Network

if BACKEND == "jax":
    from arena_keras.device_dqn import DeviceDQN, restore_memory, save_memory
    from arena_keras.device_loop import DeviceLoop, functional

Array = npt.NDArray[Any]


class DQN(Agent):
    """Epsilon-greedy Q-learning from replayed transitions, with a target network."""

    def __init__(self, env_factory: EnvFactory, config: KerasDQNConfig, *, seed: int, device: str) -> None:
        space, actions = env_factory.observation_space, env_factory.action_space
        assert isinstance(space, gym.spaces.Box)
        assert isinstance(actions, gym.spaces.Discrete)
        network_seed, replay_seed, loop_seed = split_seed(seed, 3)
        self.config, self.observation_space, self.action_space = config, space, actions
        self.engine = Engine(device, compile_torch=config.compile)
        with self.engine.scope():
            self._network = Network(space, int(actions.n), config, scores_actions=True)
        parameters = self._network.initial_parameters(np.random.default_rng(network_seed))
        self.learner = Learner(self.engine, make_td_loss(self._network, config), parameters, ("q_value",), config)
        self.env = env_factory.make_vec(config.num_envs)
        if config.on_device:
            env = functional(self.env)
            self.device_dqn = DeviceDQN(env.functions, self.learner, self._network, int(actions.n), config)
            self._empty = self.device_dqn.empty(parameters, space)
            parts = (self.device_dqn.length, self.device_dqn.iteration, self.device_dqn.schedule)
            self.device_loop = DeviceLoop(self.engine, env, self.learner, *parts, loop_seed, self._empty)
        else:
            self.target: list[Any] = self.engine.put(parameters)
            self.replay = ReplayBuffer(config.replay_capacity, space, actions, replay_seed)
            self._loop = ReplayLoop(self.env, config, self.replay, loop_seed)
            self.learner.compile(self._dummy_batches(), self.target)
        self._forward = self.engine.forward(self._network)
        self.pull_policy()
        self.act(np.zeros((PARITY_BATCH_SIZE, *space.shape), space.dtype))  # compiles

    def learn(self, num_steps: int) -> Metrics:
        """See `arena.agent.interface.Agent.learn`."""
        if self.config.on_device:
            return self._learn_on_device(num_steps)
        return self._loop.run(num_steps, lambda observations: self.policy.scores(observations), self._update)

    def act(self, observations: Array) -> Array:
        """See `arena.agent.interface.Agent.act`."""
        scores: Array = self._forward(self.learner.parameters, self.engine.feed(observations))
        return scores.argmax(-1)

    def export_policy(self, path: Path) -> None:
        """See `arena.agent.interface.Agent.export_policy`."""
        self.policy.export(path)

    def save(self, directory: Path) -> None:
        """See `arena.agent.interface.Agent.save`."""
        self.learner.save(directory / "learner.npz")
        target: list[Array] = self.engine.get(self.device_loop.memory.target if self.config.on_device else self.target)
        write_arrays(directory / "target.npz", {str(index): array for index, array in enumerate(target)})
        if self.config.on_device:
            write_arrays(directory / "replay.npz", save_memory(self.device_loop.memory))
            write_json(directory / "state.json", {"loop": self.device_loop.state()})
            return
        replay = self.replay.save(directory)
        write_json(directory / "state.json", {"loop": self._loop.state(), "replay": replay})

    def restore(self, directory: Path) -> None:
        """See `arena.agent.interface.Agent.restore`."""
        state = read_json(directory / "state.json")
        self.learner.restore(directory / "learner.npz")
        arrays = read_arrays(directory / "target.npz")
        target = [arrays[str(index)] for index in range(len(arrays))]
        if self.config.on_device:
            memory = restore_memory(self._empty, read_arrays(directory / "replay.npz"), target)
            self.device_loop.restore(state["loop"], memory)
        else:
            self.target = self.engine.put(target)
            self.replay.restore(directory, state["replay"])
            self._loop.restore(state["loop"])
        self.pull_policy()

    def close(self) -> None:
        """See `arena.agent.interface.Agent.close`."""
        self.env.close()

    def _learn_on_device(self, num_steps: int) -> Metrics:
        loop, num_updates = self.device_loop, self.config.num_updates
        before = self.device_dqn.num_bursts(loop.env_steps)
        _, seconds = loop.run(num_steps)
        num_bursts = self.device_dqn.num_bursts(loop.env_steps) - before
        losses = loop.losses(num_updates) if num_bursts else {}
        self.pull_policy()
        return Metrics(learner_steps=num_bursts * num_updates, learn_seconds=seconds, losses=losses)

    def _update(self, num_updates: int, update_target: bool) -> dict[str, float]:
        config = self.config
        losses = self.learner.update(self.replay.sample(num_updates, config.batch_size), config.learning_rate, self.target)
        if update_target:
            self.target = self._moved_target()
        self.pull_policy()
        return losses

    def _moved_target(self) -> list[Any]:
        tau = np.float32(self.config.target_update_tau)
        target, online = self.engine.get(self.target), self.engine.get(self.learner.parameters)
        # New tensors even where tau is 1: torch.compile would compile again for a target that is the very parameters.
        moved = [new if tau == 1.0 else old + tau * (new - old) for old, new in zip(target, online, strict=True)]
        return self.engine.put(moved)

    def pull_policy(self) -> None:
        """Fetches the learner's weights into the NumPy network that acts and is exported."""
        layers = self._network.policy_layers(self.engine.get(self.learner.parameters))
        self.policy = PolicyNetwork(layers, self.observation_space, self.action_space)

    def _dummy_batches(self) -> tuple[Array, ...]:
        shape = (self.config.num_updates, self.config.batch_size)
        observations = np.zeros((*shape, *self.observation_space.shape), self.observation_space.dtype)
        return observations, np.zeros(shape, np.int64), np.zeros(shape, np.float32), observations, np.zeros(shape, np.bool_)


def make_td_loss(network: Network, config: KerasDQNConfig) -> Loss:
    """Returns the loss: Huber, between values and one-step targets by the target network (the loss's constants).

    Batches are those of `arena.learning.replay.ReplayBuffer`. A truncated transition is bootstrapped, a terminated one is not.
    Forbidden next actions score far below all others, so targets are over allowed ones.
    """

    def loss(parameters: list[Any], target_parameters: list[Any], batch: tuple[Any, ...]) -> tuple[Any, tuple[Any]]:
        observations, actions, rewards, next_observations, terminated = batch
        target_values = network(target_parameters, next_observations)  # [B, A]
        if config.double:
            choices = ops.argmax(network(parameters, next_observations), -1)  # [B]
            next_values = pick(target_values, choices)
        else:
            next_values = ops.amax(target_values, -1)  # [B]; ops.max breaks torch.compile's graph
        targets = rewards + config.discount * (1.0 - ops.cast(terminated, "float32")) * next_values
        values = pick(network(parameters, observations), actions)  # [B]
        return keras.losses.huber(ops.stop_gradient(targets), values), (ops.mean(values),)

    return loss
