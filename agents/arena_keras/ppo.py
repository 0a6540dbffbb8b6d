"""Proximal policy optimisation (Schulman et al., 2017, arXiv:1707.06347) on Keras 3. Differs from the paper: gradients are clipped."""

import math
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from keras import ops

from arena.agent.interface import Agent, EnvFactory, Metrics
from arena.environments.spaces import features_of, network_inputs
from arena.formats.json import read_json, write_json
from arena.learning.rollout_loop import RolloutLoop, epoch_minibatches
from arena.learning.rollouts import Rollout, rollout_advantages
from arena.policies.onnx_network import PolicyNetwork
from arena.policies.parity import PARITY_BATCH_SIZE
from arena.seeding import split_seed
from arena_keras.config import KerasPPOConfig
from arena_keras.distributions import Distribution, make_distribution
from arena_keras.engine import BACKEND, Engine
from arena_keras.learner import Learner, Loss
from arena_keras.policy_and_value import PolicyAndValue

if BACKEND == "jax":
    from arena_keras.device_loop import DeviceLoop, functional
    from arena_keras.device_ppo import DevicePPO

Array = npt.NDArray[Any]


class PPO(Agent):
    """Clipped policy gradients over rollouts, with separate networks for policy and value or with one for both."""

    def __init__(self, env_factory: EnvFactory, config: KerasPPOConfig, *, seed: int, device: str) -> None:
        space, actions = env_factory.observation_space, env_factory.action_space
        assert isinstance(space, gym.spaces.Box)
        self.config, self.observation_space, self.action_space = config, space, actions
        network_seed, draw_seed = split_seed(seed, 2)
        self._rng = np.random.default_rng(draw_seed)
        self.engine = Engine(device, compile_torch=config.compile)
        self.distribution = make_distribution(actions)
        with self.engine.scope():
            self.networks = PolicyAndValue(space, self.distribution, config)
        parameters = self.networks.initial_parameters(np.random.default_rng(network_seed))
        loss = make_ppo_loss(self.networks, self.distribution, config)
        self.learner = Learner(self.engine, loss, parameters, STATISTICS, config)
        self.env = env_factory.make_vec(config.num_envs)
        self._loop = RolloutLoop(self.env, config)
        self._num_minibatches = math.ceil(config.rollout_length * config.num_envs / config.batch_size)
        self.device_loop = self._make_device_loop(draw_seed) if config.on_device else None
        if self.device_loop is None:
            self.learner.compile(self._dummy_batches())
        self._forward = self.engine.forward(self.networks.outputs)
        self.pull_policy()
        self.act(np.zeros((PARITY_BATCH_SIZE, *space.shape), space.dtype))  # compiles

    def learn(self, num_steps: int) -> Metrics:
        """See `arena.agent.interface.Agent.learn`."""
        if self.device_loop is None:
            return self._loop.run(num_steps, self.draw_actions, self._update)
        num_iterations, seconds = self.device_loop.run(num_steps)
        self.pull_policy()
        per_iteration = self.config.num_epochs * self._num_minibatches
        losses = self.device_loop.losses(per_iteration)
        return Metrics(learner_steps=num_iterations * per_iteration, learn_seconds=seconds, losses=losses)

    def act(self, observations: Array) -> Array:
        """See `arena.agent.interface.Agent.act`."""
        scores: Array = self._forward(self.learner.parameters, self.engine.feed(observations))
        return self.policy.greedy(scores)

    def export_policy(self, path: Path) -> None:
        """See `arena.agent.interface.Agent.export_policy`."""
        self.policy.export(path)

    def save(self, directory: Path) -> None:
        """See `arena.agent.interface.Agent.save`."""
        self.learner.save(directory / "learner.npz")
        device = None if self.device_loop is None else self.device_loop.state()
        write_json(directory / "state.json", {**self._loop.state(), "rng": self._rng.bit_generator.state, "device": device})

    def restore(self, directory: Path) -> None:
        """See `arena.agent.interface.Agent.restore`."""
        state = read_json(directory / "state.json")
        self.learner.restore(directory / "learner.npz")
        self._loop.restore(state)
        self._rng.bit_generator.state = state["rng"]
        if self.device_loop is not None:
            self.device_loop.restore(state["device"])
        self.pull_policy()

    def close(self) -> None:
        """See `arena.agent.interface.Agent.close`."""
        self.env.close()

    def _make_device_loop(self, seed: int) -> "DeviceLoop":
        env, config = functional(self.env), self.config
        ppo = DevicePPO(env.functions, self.learner, self.networks, self.distribution, self.action_space, config)

        def learning_rates(env_steps: int, count: int) -> Array:
            period = config.rollout_length * config.num_envs
            return np.array([config.learning_rate_at(env_steps + index * period) for index in range(count)], np.float32)

        return DeviceLoop(self.engine, env, self.learner, config.rollout_length, ppo.iteration, learning_rates, seed)

    def pull_policy(self) -> None:
        """Fetches the learner's weights into the NumPy networks that act, value and are exported."""
        parameters: list[Array] = self.engine.get(self.learner.parameters)
        self.extra = self.networks.extra(parameters)
        layers = self.networks.policy_layers(parameters)
        self.policy = PolicyNetwork(layers, self.observation_space, self.action_space, squashed=True)
        inputs = network_inputs(self.observation_space)
        self._value = PolicyNetwork(self.networks.value_layers(parameters), inputs, gym.spaces.Discrete(1))

    def values(self, observations: Array) -> Array:
        """Returns the value `[N]` of `observations` `[N, *obs]`."""
        return self._value.scores(features_of(self.observation_space, observations))[:, 0]

    def draw_actions(self, observations: Array) -> tuple[Array, Array, Array]:
        """Returns env actions, the distribution's choices, and what gives their log probabilities, for `observations` `[N, *obs]`."""
        choices, drawn_by = self.distribution.draw(self.policy.scores(observations), self.extra, self._rng)
        actions = self.policy.scale_actions(choices) if isinstance(self.action_space, gym.spaces.Box) else choices
        return actions, choices, drawn_by

    def _update(self, rollout: Rollout, learning_rate: float) -> tuple[int, dict[str, float]]:
        losses = self.learner.update(self._minibatches(rollout), learning_rate)
        self.pull_policy()
        return self.config.num_epochs * self._num_minibatches, losses

    def _minibatches(self, rollout: Rollout) -> tuple[Array, ...]:
        """Returns observations, choices, their log probabilities, advantages and returns, each `[num_epochs * M, B, ...]`.

        M minibatches of B rows cover a rollout of valid rows only. Where fewer rows are valid, or B does not divide them, each
        epoch's permutation is repeated from its start until M minibatches are full: shapes are fixed, and no valid row is left out.
        """
        config = self.config
        choices, drawn_by = rollout.extras
        log_probs = self.distribution.log_probs(_rows(choices), _rows(drawn_by), self.extra).reshape(rollout.rewards.shape)
        values = self._rollout_values(rollout.observations)
        advantages = rollout_advantages(rollout, values, self.values, discount=config.discount, gae_lambda=config.gae_lambda)
        rows = np.flatnonzero(rollout.valid)
        indices = epoch_minibatches(rows, config.batch_size, config.num_epochs, self._rng, num_minibatches=self._num_minibatches)
        fields = (rollout.observations, choices, log_probs, advantages, advantages + values)  # [T, N, ...] each
        return tuple(_rows(field)[indices] for field in fields)

    def _rollout_values(self, observations: Array) -> Array:
        """Returns the values `[T, N]` of a rollout's observations; those of images step by step, for want of memory."""
        if observations.ndim > 3:
            return np.stack([self.values(step) for step in observations])
        return self.values(_rows(observations)).reshape(observations.shape[:2])

    def _dummy_batches(self) -> tuple[Array, ...]:
        shape = (self.config.num_epochs * self._num_minibatches, self.config.batch_size)
        observations = np.zeros((*shape, *self.observation_space.shape), self.observation_space.dtype)
        choices = np.zeros((*shape, *self.distribution.choice_shape), self.distribution.choice_dtype)
        return observations, choices, *(np.zeros(shape, np.float32) for _ in range(3))


def _rows(field: Array) -> Array:
    """Returns `[T * N, ...]` for `[T, N, ...]`."""
    return field.reshape(-1, *field.shape[2:])


STATISTICS = ("policy_loss", "value_loss", "entropy", "approx_kl", "clip_fraction")


def make_ppo_loss(networks: PolicyAndValue, distribution: Distribution, config: KerasPPOConfig) -> Loss:
    """Returns the loss (Schulman et al., 2017, equations 7 and 9) and `STATISTICS`, for batches of `PPO._minibatches`."""

    def loss(parameters: list[Any], _: Any, batch: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        observations, choices, old_log_probs, advantages, returns = batch
        outputs, values = networks(parameters, observations)
        log_probs, entropies = distribution.evaluate(outputs, networks.extra(parameters), choices)
        advantages = (advantages - ops.mean(advantages)) / (ops.std(advantages) + 1e-8)
        log_ratios = log_probs - old_log_probs
        ratios = ops.exp(log_ratios)  # [B]
        bounded = ops.clip(ratios, 1.0 - config.clip_ratio, 1.0 + config.clip_ratio)
        policy_loss = -ops.mean(ops.minimum(ratios * advantages, bounded * advantages))
        value_loss = ops.mean(ops.square(values - returns))
        entropy = ops.mean(entropies)
        total = policy_loss + config.value_coefficient * value_loss - config.entropy_coefficient * entropy
        approx_kl = ops.mean(ratios - 1.0 - log_ratios)  # Schulman, 2020, http://joschu.net/blog/kl-approx.html
        clip_fraction = ops.mean(ops.cast(ops.abs(ratios - 1.0) > config.clip_ratio, "float32"))
        return total, (policy_loss, value_loss, entropy, approx_kl, clip_fraction)

    return loss
