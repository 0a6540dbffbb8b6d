"""Plays policies on environments that no training touches, on seeds that all policies share."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from arena.environments.config import EnvConfig
from arena.environments.vectorize import make_vec_env
from arena.policies.policy import Policy
from arena.seeding import batch_seed

Array = npt.NDArray[Any]

MAX_PARALLEL_ENVS = 128
MAX_VISITED = 1_000


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Episodes of one policy."""

    episode_returns: Array
    """`float64 [E]`; entry e has the same start for every policy evaluated with the same seed and number of episodes."""
    episode_lengths: Array
    """`int64 [E]`"""
    visited_observations: Array
    """`[M, *obs]`, one of a running episode at each vector step, at most `MAX_VISITED` of each batch of environments."""

    @property
    def episode_return_mean(self) -> float:
        """Mean over episodes."""
        return float(self.episode_returns.mean())

    @property
    def episode_return_std(self) -> float:
        """Standard deviation over episodes."""
        return float(self.episode_returns.std())


def evaluate(policy: Policy, env_config: EnvConfig, *, num_episodes: int, seed: int, max_episode_steps: int = 100_000) -> Evaluation:
    """Plays `num_episodes` episodes, each in an environment of its own, so that short episodes are not favoured.

    Args:
        policy: acts greedily, or as it does.
        env_config: the environment.
        num_episodes: E.
        seed: decides every start; episodes of two policies under one seed are paired.
        max_episode_steps: an episode that an environment without a time limit never ends is cut here.
    """
    batches = []
    for num_envs, vector_seed in episode_batches(num_episodes, seed):
        env = make_vec_env(env_config, num_envs, autoreset_mode=AutoresetMode.NEXT_STEP)
        batches.append(_play(policy, env, vector_seed, max_episode_steps))
    return Evaluation(*(np.concatenate(parts) for parts in zip(*batches, strict=True)))


def episode_batches(num_episodes: int, seed: int) -> Iterator[tuple[int, int]]:
    """Yields the number of environments and the reset seed of each batch that `evaluate` plays; episodes are numbered through them."""
    for first in range(0, num_episodes, MAX_PARALLEL_ENVS):
        yield min(MAX_PARALLEL_ENVS, num_episodes - first), batch_seed(seed, first)


def _play(policy: Policy, env: gym.vector.VectorEnv[Any, Any, Any], seed: int, max_steps: int) -> tuple[Array, Array, Array]:
    observations, _ = env.reset(seed=seed)
    visited = []
    running = np.ones(env.num_envs, np.bool_)
    returns, lengths = np.zeros(env.num_envs), np.zeros(env.num_envs, np.int64)
    try:
        for step in range(max_steps):
            if step < MAX_VISITED:
                visited.append(observations[running.nonzero()[0][step % np.count_nonzero(running)]])
            observations, rewards, terminated, truncated, _ = env.step(policy.act(observations))
            returns += np.where(running, rewards, 0.0)
            lengths += running
            running &= ~(terminated | truncated)
            if not running.any():
                break
    finally:
        env.close()
    return returns, lengths, np.stack(visited)
