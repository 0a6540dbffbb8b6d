"""Normalisation of what an agent sees: observations and rewards by running statistics, on the agent's side of the metered environments.

Episodes are counted and scored in the environment's own units; the agent alone gets normalised values. The same formulas as in
`gymnasium.wrappers.NormalizeObservation` and `NormalizeReward` (and Stable-Baselines3's `VecNormalize`), whose `RunningMeanStd` they use.
"""

from collections.abc import Mapping
from typing import Any, cast

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.utils import RunningMeanStd

from arena.agent.interface import EnvFactory
from arena.environments.metered_env import MeteredEnv
from arena.environments.metering import Meter, MeteredVectorEnv
from arena.environments.spaces import MaskedBox

Array = npt.NDArray[Any]

CLIP = 10.0
"""Largest absolute value of a normalised observation or reward."""
EPSILON = 1e-8
"""Number added to a variance before its root is taken."""


class ObservationStatistics:
    """Running mean and variance of flat observations; flags of an action mask pass through unchanged.

    Args:
        space: Space of the observations, with one axis.
    """

    def __init__(self, space: gym.spaces.Box) -> None:
        self.num_features = space.num_features if isinstance(space, MaskedBox) else int(space.shape[0])
        self._moments = RunningMeanStd(shape=(self.num_features,))
        self.shift, self.scale = np.zeros(space.shape, np.float32), np.ones(space.shape, np.float32)
        """What is subtracted and then multiplied, `float32 [D]`, as the exported policy has it."""
        self._refresh()

    def update(self, observations: Array) -> None:
        """Adds observations `[N, D]` to the statistics."""
        if len(observations):
            self._moments.update(np.asarray(observations[:, : self.num_features], np.float64))
            self._refresh()

    def normalize(self, observations: Array) -> Array:
        """Returns `clip((observations - shift) * scale, -CLIP, CLIP)`, `float32 [..., D]`."""
        centred = np.asarray(observations, np.float32) - self.shift
        return np.asarray(np.clip(centred * self.scale, -CLIP, CLIP), np.float32)

    def state(self) -> dict[str, Any]:
        """Returns the statistics, fit for JSON."""
        return {"mean": self._moments.mean.tolist(), "var": self._moments.var.tolist(), "count": self._moments.count}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state` returned."""
        _restore(self._moments, state)
        self._refresh()

    def _refresh(self) -> None:
        self.shift[: self.num_features] = self._moments.mean
        self.scale[: self.num_features] = 1.0 / np.sqrt(self._moments.var + EPSILON)


class RewardStatistics:
    """Running variance of discounted returns, by whose root rewards are divided; one for all environments of an agent.

    Args:
        discount: The agent's discount.
    """

    def __init__(self, discount: float) -> None:
        self.discount = discount
        self._moments = RunningMeanStd(shape=())

    def normalize(self, returns: Array, rewards: Array) -> Array:
        """Adds the discounted returns so far `[N]` of running episodes, and returns their last `rewards` `[N]` divided and clipped."""
        self._moments.update(returns)
        scaled = np.asarray(rewards, np.float64) / np.sqrt(self._moments.var + EPSILON)
        return np.asarray(np.clip(scaled, -CLIP, CLIP), np.float32)

    def state(self) -> dict[str, Any]:
        """Returns the statistics, fit for JSON."""
        return {"mean": float(self._moments.mean), "var": float(self._moments.var), "count": self._moments.count}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state` returned."""
        _restore(self._moments, state)


def _restore(moments: RunningMeanStd, state: Mapping[str, Any]) -> None:
    moments.mean, moments.var = np.asarray(state["mean"], np.float64), np.asarray(state["var"], np.float64)
    moments.count = state["count"]


class NormalizedVectorEnv(gym.vector.VectorWrapper):
    """A metered vector environment whose observations or rewards are normalised on their way to the agent.

    Args:
        env: Environments to train on.
        observations: Statistics of observations; None leaves them as they are.
        rewards: Statistics of rewards; None leaves them as they are.
    """

    env: MeteredVectorEnv

    def __init__(self, env: MeteredVectorEnv, observations: ObservationStatistics | None, rewards: RewardStatistics | None) -> None:
        super().__init__(env)
        self._observations, self._rewards = observations, rewards
        if observations is not None:
            self.single_observation_space = normalized_space(env.single_observation_space)
            self.observation_space = gym.vector.utils.batch_space(self.single_observation_space, env.num_envs)
        self._returns, self._ended = np.zeros(env.num_envs), np.zeros(env.num_envs, np.bool_)  # [N]

    @property
    def must_reset(self) -> bool:
        """Whether the environments must be reset before they step again."""
        return self.env.must_reset

    @property
    def meter(self) -> Meter:
        """The counts of the run."""
        return self.env.meter

    @property
    def autoreset_mode(self) -> AutoresetMode:
        """How the environments reset themselves."""
        return self.env.autoreset_mode

    @property
    def num_next_env_steps(self) -> int:
        """The env steps that the next `step` will count."""
        return self.env.num_next_env_steps

    def reset(  # type: ignore[override]  # as MeteredVectorEnv's
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Resets as `MeteredVectorEnv.reset`; adds the initial observations to the statistics."""
        observations, info = self.env.reset(seed=seed, options=options)
        mask = np.ones(self.num_envs, np.bool_) if options is None or "reset_mask" not in options else options["reset_mask"]
        self._returns[mask], self._ended[mask] = 0.0, False
        if self._observations is not None:
            self._observations.update(observations[mask])
            observations = self._observations.normalize(observations)
        return observations, info

    def step(self, actions: Any) -> tuple[Any, Array, Array, Array, dict[str, Any]]:  # type: ignore[override]  # as MeteredVectorEnv's
        """Steps as `MeteredVectorEnv.step`; adds what it returns to the statistics, then normalises it."""
        observations, rewards, terminated, truncated, info = self.env.step(actions)
        if self._rewards is not None:
            self._returns = self._returns * self._rewards.discount * ~self._ended + rewards
            self._ended = terminated | truncated
            rewards = self._rewards.normalize(self._returns, rewards)
        if self._observations is not None:
            self._observations.update(observations)
            observations = self._observations.normalize(observations)
            if "final_obs" in info:
                info = {**info, "final_obs": self._normalize_final(info["final_obs"], info["_final_obs"])}
        return observations, rewards, terminated, truncated, info

    def _normalize_final(self, final: Array, mask: Array) -> Array:
        assert self._observations is not None
        normalized = np.empty(len(final), dtype=object)
        for index in np.flatnonzero(mask):
            normalized[index] = self._observations.normalize(np.asarray(final[index]))
        return normalized


class NormalizedEnv(gym.Wrapper[Any, Any, Any, Any]):
    """A single metered environment whose observations or rewards are normalised; arguments as for `NormalizedVectorEnv`."""

    env: MeteredEnv

    def __init__(self, env: MeteredEnv, observations: ObservationStatistics | None, rewards: RewardStatistics | None) -> None:
        super().__init__(env)
        self._observations, self._rewards, self._return = observations, rewards, 0.0
        if observations is not None:
            self.observation_space = normalized_space(env.observation_space)

    @property
    def must_reset(self) -> bool:
        """Whether the environment must be reset before it steps again."""
        return self.env.must_reset

    @property
    def meter(self) -> Meter:
        """The counts of the run."""
        return self.env.meter

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Resets the environment; adds the initial observation to the statistics."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._return = 0.0
        return self._seen(observation), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Steps the environment; adds what it returns to the statistics, then normalises it."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        if self._rewards is not None:
            self._return = self._return * self._rewards.discount + float(reward)
            reward = float(self._rewards.normalize(np.array([self._return]), np.array([reward]))[0])
        return self._seen(observation), reward, terminated, truncated, info

    def _seen(self, observation: Any) -> Any:
        if self._observations is None:
            return observation
        self._observations.update(np.asarray(observation)[None])
        return self._observations.normalize(observation)


class NormalizingFactory:
    """An `EnvFactory` whose environments share one set of statistics.

    Args:
        factory: Makes the metered environments.
        observations: Whether observations are normalised; they must have one axis.
        rewards: Whether rewards are normalised.
        discount: The agent's discount, for the returns by which rewards are scaled.
    """

    def __init__(self, factory: EnvFactory, *, observations: bool, rewards: bool, discount: float) -> None:
        self._factory = factory
        self.raw_observation_space: gym.Space[Any] = factory.observation_space
        """Space of the observations before normalisation."""
        self.observation_space = normalized_space(factory.observation_space) if observations else factory.observation_space
        self.action_space = factory.action_space
        self.observations = ObservationStatistics(cast(gym.spaces.Box, factory.observation_space)) if observations else None
        """Statistics of the observations; None if they are left as they are."""
        self.rewards = RewardStatistics(discount) if rewards else None
        """Statistics of the rewards; None if they are left as they are."""

    def make_vec(self, num_envs: int) -> MeteredVectorEnv:
        """Returns `num_envs` normalised environments behind one metered vector environment."""
        return cast(MeteredVectorEnv, NormalizedVectorEnv(self._factory.make_vec(num_envs), self.observations, self.rewards))

    def make(self) -> MeteredEnv:
        """Returns one normalised, metered environment."""
        return cast(MeteredEnv, NormalizedEnv(self._factory.make(), self.observations, self.rewards))

    def state(self) -> dict[str, Any]:
        """Returns all statistics, fit for JSON."""
        parts = {"observations": self.observations, "rewards": self.rewards}
        return {name: part.state() for name, part in parts.items() if part is not None}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state` returned."""
        if self.observations is not None:
            self.observations.restore(state["observations"])
        if self.rewards is not None:
            self.rewards.restore(state["rewards"])


def normalized_space(space: gym.Space[Any]) -> gym.spaces.Box:
    """Returns the space of normalised observations of a flat space: within ±`CLIP`, with the same action mask."""
    assert isinstance(space, gym.spaces.Box)
    if isinstance(space, MaskedBox):
        bound = np.full(space.num_features, CLIP, np.float32)
        return MaskedBox(-bound, bound, space.num_actions, space.choices)
    return gym.spaces.Box(-CLIP, CLIP, space.shape, np.float32)
