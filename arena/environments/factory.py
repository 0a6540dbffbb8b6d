"""Makes the environments of one run: seeded by the arena, and counted against its budget."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv

from arena.environments.config import EnvConfig
from arena.environments.feature_names import names_of
from arena.environments.follows_seed import follows_seed
from arena.environments.identity import env_identity
from arena.environments.jax_functions import MeteredFunctionalEnv
from arena.environments.make import make_env
from arena.environments.metered_env import MeteredEnv
from arena.environments.metering import Meter, MeteredVectorEnv
from arena.environments.vectorize import MakeSingleEnvs, has_functions, make_sync_env, make_vec_env, stepped_by
from arena.seeding import reset_seed


class ArenaEnvFactory:
    """Makes the metered environments of one run (an `arena.agent.interface.EnvFactory`).

    Args:
        config: The environment; its `train_wrappers` are put around it.
        meter: Counts what happens in all environments made here.
        seed: Source of the seeds of all resets: the first one, and one after every `cut_episodes`.
        snapshots: Folder in which the run can keep policies of its own past. An environment whose attribute `wants_snapshots` is true gets
            the folder as the keyword argument `snapshots`.
        make_single_envs: Function that makes environments of which no vector form is known; None steps them one after the other.
    """

    def __init__(
        self,
        config: EnvConfig,
        meter: Meter,
        seed: np.random.SeedSequence,
        *,
        snapshots: Path | None = None,
        make_single_envs: MakeSingleEnvs | None = None,
    ) -> None:
        config = config.in_training()
        self.config, self.meter = config, meter
        self.snapshots: Path | None = None
        """Folder to which the training loop adds a policy at every selection evaluation; None if the environment wants none."""
        env = make_env(config)
        if snapshots is not None and getattr(env.unwrapped, "wants_snapshots", False):
            self.snapshots = snapshots
            self.config = dataclasses.replace(config, kwargs={**config.kwargs, "snapshots": str(snapshots)})
        self.observation_space: gym.Space[Any] = env.observation_space
        self.action_space: gym.Space[Any] = env.action_space
        self.follows_seed = has_functions(env) or follows_seed(env)
        """Whether resets with one seed give one initial observation."""
        self.identity = {**env_identity(env), "stepped_by": None if meter.info_metrics else stepped_by(env)}
        """Code, package and version behind the environment's id (`arena.environments.identity`), and the array form that may step it."""
        self.names = names_of(env)
        """Names of the features of observations and of the actions; None where the environment has none."""
        env.close()
        self.num_cuts = 0
        """Number of cuts made by `cut_episodes`; with the seed it decides all resets that follow."""
        self._seed, self._make_single_envs = seed, make_single_envs
        self._made: list[MeteredEnv | MeteredVectorEnv] = []

    def make_vec(self, num_envs: int) -> MeteredVectorEnv:
        """Returns `num_envs` environments behind one metered vector environment."""
        make: Callable[[EnvConfig, int], VectorEnv[Any, Any, Any]]
        make = functools.partial(make_vec_env, make_single_envs=self._make_single_envs)
        if self.meter.info_metrics:  # faster implementations fill no `info`
            make = functools.partial(self._make_single_envs or make_sync_env, info_metrics=self.meter.info_metrics)
        made = make(self.config, num_envs)
        kind = MeteredFunctionalEnv if hasattr(made, "functions") else MeteredVectorEnv
        env = kind(made, self.meter, self._seed_source(), functools.partial(make, self.config, num_envs))
        self._made.append(env)
        return env

    def make(self) -> MeteredEnv:
        """Returns one metered environment."""
        make = functools.partial(make_env, self.config, info_metrics=self.meter.info_metrics)
        env = MeteredEnv(make(), self.meter, self._seed_source(), make)
        self._made.append(env)
        return env

    def cut_episodes(self, num_cuts: int | None = None) -> None:
        """Ends all running episodes, and decides the seeds of the next resets by the number of cuts made so far.

        Args:
            num_cuts: Number of cuts to continue from, after a resume; by default one more than so far.
        """
        self.num_cuts = self.num_cuts + 1 if num_cuts is None else num_cuts
        for env in self._made:
            env.cut_episodes()

    def release(self) -> None:
        """Closes all environments, as if their episodes were cut; those that are needed again are made again."""
        self.cut_episodes()
        for env in self._made:
            env.release()

    def _seed_source(self) -> Callable[[], int]:
        index = len(self._made)

        def next_seed() -> int:
            return reset_seed(self._seed, index, self.num_cuts)

        return next_seed
