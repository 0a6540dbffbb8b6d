"""PPO's iteration as one pure JAX function: a rollout, advantages over it, and epochs of minibatches; the loss is `make_ppo_loss`."""

from typing import Any, NamedTuple

import gymnasium as gym
import jax
import numpy as np
from jax import numpy as jnp

from arena.environments.jax_functions import VectorFunctions
from arena_keras.config import KerasPPOConfig
from arena_keras.device_loop import Block, Carry
from arena_keras.distributions import Categorical, Gaussian
from arena_keras.learner import Learner, LearnerState
from arena_keras.policy_and_value import PolicyAndValue


class DeviceRollout(NamedTuple):
    """T vector steps of N environments, each `[T, N, ...]`; every row is a transition."""

    observations: jax.Array
    choices: jax.Array
    log_probs: jax.Array
    values: jax.Array
    rewards: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    next_observations: jax.Array
    """True next observations, also at the end of an episode."""


class DevicePPO:
    """One iteration of PPO on the device.

    Args:
        functions: the environments.
        learner: with the loss of `make_ppo_loss`.
        networks: Policy and values.
        distribution: Distribution of choices.
        action_space: Space of one environment.
        config: settings.
    """

    def __init__(
        self,
        functions: VectorFunctions,
        learner: Learner,
        networks: PolicyAndValue,
        distribution: Categorical | Gaussian,
        action_space: gym.Space[Any],
        config: KerasPPOConfig,
    ) -> None:
        self._functions, self._learner, self._networks = functions, learner, networks
        self._distribution, self._action_space, self._config = distribution, action_space, config
        self._num_rows = config.rollout_length * config.num_envs
        self._num_minibatches = -(-self._num_rows // config.batch_size)

    def iteration(self, carry: Carry, learning_rate: jax.Array) -> tuple[Carry, Block]:
        """Collects a rollout by the learner's parameters, and moves them by it (an iteration of `DeviceLoop`)."""
        key, collect_key, learn_key = jax.random.split(carry.key, 3)
        env, observations, rollout = self.collect(carry.learner.parameters, carry.env, carry.observations, collect_key)
        rows = self.rows(rollout, self.advantages(carry.learner.parameters, rollout, observations))
        learner, totals = self.update(self._learner.with_learning_rate(carry.learner, learning_rate), rows, learn_key)
        block = (rollout.rewards, rollout.terminated, rollout.truncated)
        return carry._replace(learner=learner, env=env, observations=observations, key=key, totals=totals), block

    def collect(self, parameters: list[Any], env: Any, observations: jax.Array, key: jax.Array) -> tuple[Any, jax.Array, DeviceRollout]:
        """Returns the environments' state and observations after T vector steps, and those steps."""
        extra = self._networks.extra(parameters)

        def step(now: tuple[Any, jax.Array], key: jax.Array) -> tuple[tuple[Any, jax.Array], DeviceRollout]:
            env, observations = now
            outputs, values = self._networks(parameters, observations)  # [N, A], [N]
            choices = self._draw(key, outputs, extra)
            log_probs, _ = self._distribution.evaluate(outputs, extra, choices)  # [N]
            env, (following, next_observations, rewards, terminated, truncated) = self._functions.step(env, self._actions(choices))
            rows = DeviceRollout(observations, choices, log_probs, values, rewards, terminated, truncated, next_observations)
            return (env, following), rows

        (env, observations), rollout = jax.lax.scan(step, (env, observations), jax.random.split(key, self._config.rollout_length))
        return env, observations, rollout

    def advantages(self, parameters: list[Any], rollout: DeviceRollout, last_observations: jax.Array) -> jax.Array:
        """Returns generalised advantages `[T, N]`: `generalized_advantages` over `next_values`, both of `arena.learning.rollouts`."""
        config, limit = self._config, self._functions.max_episode_steps
        tail = self._networks.values(parameters, last_observations)  # [N]
        following = jnp.concatenate([rollout.values[1:], tail[None]])  # [T, N]
        if limit is not None:
            max_truncations = config.num_envs * (1 + (config.rollout_length - 1) // limit)  # truncations that fit into a rollout
            rows = jnp.nonzero(rollout.truncated.reshape(-1), size=max_truncations, fill_value=self._num_rows)[0]
            observations = rollout.next_observations.reshape(self._num_rows, *rollout.next_observations.shape[2:])
            values = self._networks.values(parameters, observations.at[rows].get(mode="clip"))
            following = following.reshape(-1).at[rows].set(values, mode="drop").reshape(following.shape)
        ended = rollout.terminated | rollout.truncated
        deltas = rollout.rewards + config.discount * following * ~rollout.terminated - rollout.values
        weights = config.discount * config.gae_lambda * ~ended

        def step(running: jax.Array, now: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            delta, weight = now
            running = delta + weight * running
            return running, running

        return jax.lax.scan(step, jnp.zeros_like(tail), (deltas, weights), reverse=True)[1]

    def rows(self, rollout: DeviceRollout, advantages: jax.Array) -> tuple[jax.Array, ...]:
        """Returns the fields of a minibatch of `make_ppo_loss` for all transitions, each `[T * N, ...]`."""
        fields = (rollout.observations, rollout.choices, rollout.log_probs, advantages, advantages + rollout.values)
        return tuple(field.reshape(self._num_rows, *field.shape[2:]) for field in fields)

    def epoch_indices(self, key: jax.Array) -> jax.Array:
        """Returns the rows of one epoch's minibatches `[M, B]`: a permutation, repeated from its start until they are full."""
        permutation = jnp.argsort(jax.random.bits(key, (self._num_rows,)))  # one sort, where jax.random.permutation makes several
        return jnp.resize(permutation, (self._num_minibatches, self._config.batch_size))

    def update(self, learner: LearnerState, rows: tuple[jax.Array, ...], key: jax.Array) -> tuple[LearnerState, jax.Array]:
        """Returns the state after all epochs, and what their optimizer steps added up."""

        def step(now: tuple[LearnerState, Any, jax.Array], indices: jax.Array) -> tuple[tuple[LearnerState, Any, jax.Array], None]:
            return self._learner.step(now, tuple(field[indices] for field in rows)), None

        def epoch(now: tuple[LearnerState, Any, jax.Array], key: jax.Array) -> tuple[tuple[LearnerState, Any, jax.Array], None]:
            return jax.lax.scan(step, now, self.epoch_indices(key))

        start = (learner, (), jnp.asarray(self._learner.zero_totals))
        (learner, _, totals), _ = jax.lax.scan(epoch, start, jax.random.split(key, self._config.num_epochs))
        return learner, totals

    def _draw(self, key: jax.Array, outputs: jax.Array, extra: list[jax.Array]) -> jax.Array:
        if isinstance(self._distribution, Categorical):
            return jax.random.categorical(key, outputs)
        (log_std,) = extra
        return outputs + jnp.exp(log_std) * jax.random.normal(key, outputs.shape)

    def _actions(self, choices: jax.Array) -> jax.Array:
        space = self._action_space
        if not isinstance(space, gym.spaces.Box):
            return choices
        low, high = np.asarray(space.low, np.float32), np.asarray(space.high, np.float32)
        return jnp.clip(low + (choices + 1.0) * (0.5 * (high - low)), low, high)  # as PolicyNetwork.scale_actions
