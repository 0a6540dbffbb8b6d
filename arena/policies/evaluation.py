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
"""Max number of environments that are stepped at once; more episodes are played in several batches."""
MAX_VISITED = 1_000
"""Max number of visited observations that are kept of each batch of environments."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The episodes that one policy played."""

    episode_returns: Array
    """Return of each episode, `float64 [E]`; entry e has one initial state for all policies under the same seed and number of episodes."""
    episode_lengths: Array
    """Env steps of each episode, `int64 [E]`."""
    visited_observations: Array
    """Observations that the policy met, `[M, *obs]`: one of a running episode at each vector step, at most `MAX_VISITED` of each batch."""

    @property
    def episode_return_mean(self) -> float:
        """Mean return over the episodes."""
        return float(self.episode_returns.mean())

    @property
    def episode_return_std(self) -> float:
        """Standard deviation of the returns over the episodes."""
        return float(self.episode_returns.std())


def evaluate(policy: Policy, env_config: EnvConfig, *, num_episodes: int, seed: int, max_episode_steps: int = 100_000) -> Evaluation:
    """Plays `num_episodes` episodes, each in an environment of its own, so that short episodes are not favoured.

    Args:
        policy: Policy to evaluate. A policy file acts greedily.
        env_config: Environment to play.
        num_episodes: Number of episodes, E.
        seed: Seed of every initial state; episodes of two policies under one seed are paired.
        max_episode_steps: Env steps after which an episode is cut, for environments without a time limit.
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
