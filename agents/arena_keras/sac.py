"""Soft actor-critic (Haarnoja et al., 2018, arXiv:1812.05905) on Keras 3. Differs from the paper: updates in bursts.

All noise is drawn in NumPy, that of the updates with the minibatches, so that one seed gives the same noise on every backend.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from keras import ops

from arena.agent.hyperparameters import LOG_STD_BOUNDS
from arena.agent.interface import Agent, EnvFactory, Metrics
from arena.environments.spaces import scale_actions
from arena.formats.json import read_json, write_json
from arena.learning.replay import ReplayBuffer
from arena.learning.replay_loop import ReplayLoop
from arena.learning.squashed_gaussian import draw_actions
from arena.policies.onnx_network import PolicyNetwork, squashed_mean
from arena.policies.parity import PARITY_BATCH_SIZE
from arena.seeding import split_seed
from arena_keras.actor_critic import Burst, Critics, polyak
from arena_keras.config import KerasSACConfig
from arena_keras.engine import Engine
from arena_keras.learner import Adam, LearnerState
from arena_keras.networks import Network

Array = npt.NDArray[Any]

STATISTICS = ("critic_loss", "actor_loss", "q_value", "entropy", "alpha")


class SACState(NamedTuple):
    """Everything that an update changes."""

    actor: LearnerState
    """Its network gives means, then log standard deviations, `[2 A]`."""
    critics: LearnerState
    """Both critics, one after the other."""
    alpha: LearnerState
    """One parameter: the logarithm of the temperature."""
    target: list[Any]
    """Parameters of the critics' target networks."""


class SAC(Agent):
    """Maximum-entropy actor-critic from replayed transitions, with a learned temperature."""

    def __init__(self, env_factory: EnvFactory, config: KerasSACConfig, *, seed: int, device: str) -> None:
        space, actions = env_factory.observation_space, env_factory.action_space
        assert isinstance(space, gym.spaces.Box)
        assert isinstance(actions, gym.spaces.Box)
        network_seed, replay_seed, loop_seed, noise_seed = split_seed(seed, 4)
        self.config, self.observation_space, self.action_space = config, space, actions
        self._size = actions.shape[0]  # A
        self._rng = np.random.default_rng(noise_seed)
        self.engine = Engine(device, compile_torch=config.compile)
        with self.engine.scope():
            self._actor = Network(space, 2 * self._size, config)
            critics = Critics(space.shape[0] + self._size, config)
        rng = np.random.default_rng(network_seed)
        step, state = make_sac(self.engine, self._actor, critics, self._size, rng, config)
        self.burst = Burst(self.engine, step, state, STATISTICS)
        self.env = env_factory.make_vec(config.num_envs)
        self.replay = ReplayBuffer(config.replay_capacity, space, actions, replay_seed)
        self._loop = ReplayLoop(self.env, config, self.replay, loop_seed)
        self.burst.compile(self._dummy_batches())
        self._forward = self.engine.forward(self._greedy)
        self.pull_policy()
        self.act(np.zeros((PARITY_BATCH_SIZE, *space.shape), space.dtype))  # compiles

    def learn(self, num_steps: int) -> Metrics:
        """See `arena.agent.interface.Agent.learn`."""
        return self._loop.run(num_steps, self.draw_actions, self._update)

    def act(self, observations: Array) -> Array:
        """See `arena.agent.interface.Agent.act`."""
        return scale_actions(self.action_space, self._forward(self.burst.state.actor.parameters, self.engine.feed(observations)))

    def export_policy(self, path: Path) -> None:
        """See `arena.agent.interface.Agent.export_policy`."""
        self.policy.export(path)

    def save(self, directory: Path) -> None:
        """See `arena.agent.interface.Agent.save`."""
        self.burst.save(directory / "learner.npz")
        replay = self.replay.save(directory)
        write_json(directory / "state.json", {"loop": self._loop.state(), "replay": replay, "noise": self._rng.bit_generator.state})

    def restore(self, directory: Path) -> None:
        """See `arena.agent.interface.Agent.restore`."""
        state = read_json(directory / "state.json")
        self.burst.restore(directory / "learner.npz")
        self.replay.restore(directory, state["replay"])
        self._loop.restore(state["loop"])
        self._rng.bit_generator.state = state["noise"]
        self.pull_policy()

    def close(self) -> None:
        """See `arena.agent.interface.Agent.close`."""
        self.env.close()

    def pull_policy(self) -> None:
        """Fetches the actor's weights into the NumPy networks that act and are exported."""
        layers = self._actor.policy_layers(self.engine.get(self.burst.state.actor.parameters))
        self._outputs = PolicyNetwork(layers, self.observation_space, self.action_space)
        self.policy = PolicyNetwork(squashed_mean(layers, self._size), self.observation_space, self.action_space, squashed=True)

    def draw_actions(self, observations: Array) -> Array:
        """Returns unscaled actions `float32 [N, A]` for `observations` `[N, *obs]`, drawn from the policy."""
        return draw_actions(self._outputs.scores(observations), self._rng)

    def _greedy(self, parameters: list[Any], observations: Any) -> Any:
        return ops.tanh(self._actor(parameters, observations)[:, : self._size])

    def _update(self, num_updates: int, _: bool) -> dict[str, float]:
        shape = (num_updates, self.config.batch_size)
        noise = self._rng.standard_normal((2, *shape, self._size), np.float32)
        losses = self.burst.update((*self.replay.sample(*shape), *noise))
        self.pull_policy()
        return losses

    def _dummy_batches(self) -> tuple[Array, ...]:
        shape = (self.config.num_updates, self.config.batch_size)
        observations = np.zeros((*shape, *self.observation_space.shape), np.float32)
        actions, rewards = np.zeros((*shape, self._size), np.float32), np.zeros(shape, np.float32)
        return observations, actions, rewards, observations, np.zeros(shape, np.bool_), actions, actions


def make_sac(
    engine: Engine, actor: Network, critics: Critics, num_dimensions: int, rng: np.random.Generator, config: KerasSACConfig
) -> tuple[Callable[[SACState, tuple[Any, ...]], tuple[SACState, Any]], SACState]:
    """Returns one update as a pure function, and the initial state.

    The update takes a minibatch of `arena.learning.replay.ReplayBuffer`, then standard normal noise `[B, A]` for the next actions and for
    the actor's. The critics move first, the actor by the new critics, the temperature by the entropies of the actor's loss, the target
    networks last. A truncated transition is bootstrapped, a terminated one is not.
    """
    first = critics.initial_parameters(rng)
    log_alpha = [np.asarray(math.log(config.initial_alpha), np.float32)]
    adams = [Adam(engine, parameters, config) for parameters in (actor.initial_parameters(rng), first, log_alpha)]
    of_actor, of_critics, of_alpha = adams
    target_entropy = config.target_entropy_per_dimension * num_dimensions

    def actor_loss(parameters: list[Any], critic_parameters: list[Any], alpha: Any, observations: Any, noise: Any) -> tuple[Any, Any]:
        actions, log_probs = draw(actor(parameters, observations), noise)
        return ops.mean(alpha * log_probs - critics.lower(critic_parameters, observations, actions)), ops.mean(log_probs)

    critics_gradient, actor_gradient = engine.value_and_grad(critics.loss), engine.value_and_grad(actor_loss)

    def step(state: SACState, batch: tuple[Any, ...]) -> tuple[SACState, Any]:
        observations, actions, rewards, next_observations, terminated, next_noise, noise = batch
        alpha = ops.exp(state.alpha.parameters[0])
        next_actions, next_log_probs = draw(actor(state.actor.parameters, next_observations), next_noise)
        next_values = critics.lower(state.target, next_observations, next_actions) - alpha * next_log_probs  # [B]
        targets = rewards + config.discount * (1.0 - ops.cast(terminated, "float32")) * next_values
        (critic_loss, q_value), gradients = critics_gradient(state.critics.parameters, observations, actions, targets)
        new_critics = of_critics.step(state.critics, gradients)
        (loss, log_prob), gradients = actor_gradient(state.actor.parameters, new_critics.parameters, alpha, observations, noise)
        new_actor = of_actor.step(state.actor, gradients)
        # The loss is -log_alpha * (log_prob + target_entropy), linear in the parameter.
        new_alpha = of_alpha.step(state.alpha, [-(log_prob + target_entropy)])
        target = polyak(state.target, new_critics.parameters, config.target_update_tau)
        return SACState(new_actor, new_critics, new_alpha, target), ops.stack([critic_loss, loss, q_value, -log_prob, alpha])

    return step, SACState(*(adam.initial for adam in adams), first)


def draw(outputs: Any, noise: Any) -> tuple[Any, Any]:
    """Returns unscaled actions `[B, A]` of a squashed Gaussian and their log probabilities `[B]`.

    Args:
        outputs: Means, then log standard deviations, `[B, 2 A]`.
        noise: Standard normal, `[B, A]`.
    """
    size = noise.shape[-1]
    means, log_stds = outputs[:, :size], ops.clip(outputs[:, size:], *LOG_STD_BOUNDS)
    choices = means + ops.exp(log_stds) * noise
    gaussian = -0.5 * ops.square(noise) - log_stds - 0.5 * math.log(2.0 * math.pi)
    squashing = 2.0 * (math.log(2.0) - choices - ops.softplus(-2.0 * choices))  # log(1 - tanh(choices)^2), without its cancellation
    return ops.tanh(choices), ops.sum(gaussian - squashing, -1)
