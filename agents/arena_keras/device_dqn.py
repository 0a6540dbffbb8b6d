"""DQN's iteration as one pure JAX function: vector steps into a replay ring on the device, then bursts; the loss is `make_td_loss`.

The schedule is that of `arena.learning.replay_loop`: an iteration holds as many vector steps as a training period has, or as many bursts
as fall into one vector step, if there are more environments than env steps in a period.
"""

from typing import Any, NamedTuple

import gymnasium as gym
import jax
import numpy as np
import numpy.typing as npt
from jax import numpy as jnp

from arena.environments.jax_functions import VectorFunctions
from arena.learning.replay import ReplayBuffer
from arena_keras.config import KerasDQNConfig
from arena_keras.device_loop import Block, Carry
from arena_keras.learner import Learner, LearnerState
from arena_keras.networks import Network

Array = npt.NDArray[Any]


class Memory(NamedTuple):
    """Target network and replay: the state of DQN beside its learner."""

    target: list[Any]
    """Parameters of the target network."""
    replay: tuple[Any, ...]
    """The fields of `arena.learning.replay.ReplayBuffer.FIELDS`, each `[capacity, ...]`."""
    next: Any
    """Row of the replay that the next transition is written to."""
    size: Any
    """Number of transitions held."""


class DeviceDQN:
    """One iteration of DQN on the device.

    Args:
        functions: the environments.
        learner: with the loss of `make_td_loss`.
        network: gives the values.
        num_actions: A.
        config: settings.
    """

    def __init__(self, functions: VectorFunctions, learner: Learner, network: Network, num_actions: int, config: KerasDQNConfig) -> None:
        self._functions, self._learner, self._network, self._num_actions, self._config = functions, learner, network, num_actions, config
        self.length = max(1, config.train_period // config.num_envs)
        """Vector steps of an iteration."""
        self._max_bursts = max(1, config.num_envs // config.train_period)

    def empty(self, parameters: list[Array], space: gym.spaces.Box) -> Memory:
        """Returns a memory without transitions, and the target network's `parameters`."""
        capacity, shape, dtype = self._config.replay_capacity, space.shape, space.dtype
        observations, flags = np.zeros((capacity, *shape), dtype), np.zeros(capacity, np.bool_)
        replay = (observations, np.zeros(capacity, np.int32), np.zeros(capacity, np.float32), observations, flags)
        return Memory(parameters, replay, np.int32(0), np.int32(0))

    def schedule(self, env_steps: int, count: int) -> tuple[Array, Array, Array]:
        """Returns epsilon `[count, T]`, and for each possible burst whether it is made and moves the target `[count, bursts]`."""
        config, num_envs = self._config, self._config.num_envs
        starts = env_steps + np.arange(count * self.length) * num_envs
        epsilons = [1.0 if start < config.learning_starts else config.epsilon(int(start)) for start in starts]
        made, moves = np.zeros((2, count, self._max_bursts), np.bool_)
        for index in range(count):
            before, after = (self.num_bursts(env_steps + (index + later) * self.length * num_envs) for later in (0, 1))
            made[index, : after - before] = True
            moves[index, : after - before] = np.arange(before + 1, after + 1) % config.target_update_bursts == 0
        return np.array(epsilons, np.float32).reshape(count, -1), made, moves

    def num_bursts(self, env_steps: int) -> int:
        """Returns the training bursts made when `env_steps` have been taken."""
        return max(0, (env_steps - self._config.learning_starts) // self._config.train_period)

    def iteration(self, carry: Carry, inputs: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[Carry, Block]:
        """Takes vector steps epsilon-greedily, keeps them, and learns from all that is kept (an iteration of `DeviceLoop`)."""
        epsilons, made, moves = inputs
        key, collect_key, learn_key = jax.random.split(carry.key, 3)
        parameters = carry.learner.parameters

        def collect(now: tuple[Any, jax.Array], given: tuple[jax.Array, jax.Array]) -> tuple[tuple[Any, jax.Array], tuple[jax.Array, ...]]:
            (env, observations), (key, epsilon) = now, given
            actions = self._actions(parameters, observations, epsilon, key)
            env, (following, next_observations, rewards, terminated, truncated) = self._functions.step(env, actions)
            return (env, following), (observations, actions, rewards, next_observations, terminated, truncated)

        keys = jax.random.split(collect_key, self.length)
        (env, observations), steps = jax.lax.scan(collect, (carry.env, carry.observations), (keys, epsilons))
        memory = self.add(carry.memory, steps[:-1])

        def burst(now: tuple[LearnerState, Memory, jax.Array], given: tuple[jax.Array, ...]) -> tuple[Any, None]:
            made, moves, key = given
            return jax.lax.cond(made, lambda now: self.burst(now, moves, key), lambda now: now, now), None

        flags = (made, moves, jax.random.split(learn_key, self._max_bursts))
        (learner, memory, totals), _ = jax.lax.scan(burst, (carry.learner, memory, carry.totals), flags)
        carry = Carry(learner, env, observations, key, totals, memory)
        return carry, (steps[2], steps[4], steps[5])

    def _actions(self, parameters: list[Any], observations: jax.Array, epsilon: jax.Array, key: jax.Array) -> jax.Array:
        whether_key, which_key = jax.random.split(key)
        count = self._config.num_envs
        greedy = self._network(parameters, observations).argmax(-1).astype(jnp.int32)
        random = jax.random.randint(which_key, (count,), 0, self._num_actions)
        return jnp.where(jax.random.uniform(whether_key, (count,)) < epsilon, random, greedy)

    def add(self, memory: Memory, steps: tuple[jax.Array, ...]) -> Memory:
        """Returns `memory` with the transitions `steps`, each `[T, N, ...]`, in place of the oldest."""
        count, capacity = self.length * self._config.num_envs, self._config.replay_capacity
        where = (memory.next + jnp.arange(count, dtype=jnp.int32)) % capacity
        replay = tuple(old.at[where].set(new.reshape(count, *new.shape[2:])) for old, new in zip(memory.replay, steps, strict=True))
        return memory._replace(replay=replay, next=(memory.next + count) % capacity, size=jnp.minimum(memory.size + count, capacity))

    def sampled_rows(self, key: jax.Array, size: jax.Array) -> jax.Array:
        """Returns the rows of one burst's minibatches `[num_updates, B]`, uniform and with replacement."""
        return jax.random.randint(key, (self._config.num_updates, self._config.batch_size), 0, size)

    def burst(
        self, now: tuple[LearnerState, Memory, jax.Array], moves: jax.Array, key: jax.Array
    ) -> tuple[LearnerState, Memory, jax.Array]:
        """Makes `num_updates` optimizer steps on fresh minibatches, then moves the target network where `moves` says so."""
        learner, memory, _ = now

        def step(now: tuple[LearnerState, Any, jax.Array], rows: jax.Array) -> tuple[tuple[LearnerState, Any, jax.Array], None]:
            return self._learner.step(now, tuple(field[rows] for field in memory.replay)), None

        start = (learner, memory.target, jnp.asarray(self._learner.zero_totals))
        (learner, _, totals), _ = jax.lax.scan(step, start, self.sampled_rows(key, memory.size))
        tau = jnp.where(moves, jnp.float32(self._config.target_update_tau), 0.0)
        target = [jnp.where(tau == 1.0, new, old + tau * (new - old)) for old, new in zip(memory.target, learner.parameters, strict=True)]
        return learner, memory._replace(target=target), totals


def save_memory(memory: Memory) -> dict[str, Array]:
    """Returns the transitions held and their place, as arrays by name."""
    size = int(memory.size)
    fields = {name: np.asarray(field)[:size] for name, field in zip(ReplayBuffer.FIELDS, memory.replay, strict=True)}
    return {**fields, "next": np.asarray(memory.next)}


def restore_memory(empty: Memory, arrays: dict[str, Array], target: list[Array]) -> Memory:
    """Reverses `save_memory` into an `empty` one, whose arrays it leaves alone."""
    size = len(arrays["rewards"])
    replay = tuple(np.concatenate([arrays[name], field[size:]]) for name, field in zip(ReplayBuffer.FIELDS, empty.replay, strict=True))
    return Memory(target, replay, np.int32(arrays["next"]), np.int32(size))
