"""The one form in which all agents and policies see an environment.

Observations are flat, `float32 [D]`, or image-shaped, `[H, W, C]`; Discrete ones become one-hot vectors, floats become float32. An
observation space `Dict(observation, action_mask)` becomes `arena.environments.spaces.MaskedBox`. Actions are Discrete, counting from zero,
or a bounded Box with one axis. Everything else is refused.
"""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from arena.environments.spaces import MaskedBox
from arena.environments.values import MissingValue


class CommonForm(gym.Wrapper[Any, Any, Any, Any]):
    """Wraps an environment whose spaces the arena takes, so that its observations and actions have the common form."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.observation_space, self._observe = common_observations(env.observation_space)
        self.action_space, self._offset = common_actions(env.action_space)
        self._env_step = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Resets the environment."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._env_step = 0
        return self._common(observation), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Steps the environment with `action` in the common form."""
        observation, reward, terminated, truncated, info = self.env.step(action + self._offset if self._offset else action)
        self._env_step += 1
        if reward is None:
            raise MissingValue("None", "reward", self._env_step)
        return self._common(observation), reward, terminated, truncated, info

    def _common(self, observation: Any) -> Any:
        if observation is None:
            raise MissingValue("None", "observation", self._env_step)
        try:
            return self._observe(observation)
        except (ValueError, TypeError, IndexError) as error:  # a number that is not in a Discrete space has no one-hot vector, say
            shown = repr(observation)
            value = shown if len(shown) <= 60 else f"{shown[:59]}…"
            raise MissingValue(f"{value}, which is not in {self.env.observation_space},", "observation", self._env_step) from error


def common_observations(space: gym.Space[Any]) -> tuple[gym.spaces.Box, Callable[[Any], Any]]:
    """Returns the common form of an observation space, and the function that brings an observation into it."""
    if isinstance(space, MaskedBox):
        return space, lambda observation: observation
    if isinstance(space, gym.spaces.Dict):
        return _common_masked(space)
    if isinstance(space, gym.spaces.Discrete):
        identity, start = np.eye(int(space.n), dtype=np.float32), int(space.start)

        def one_hot(observation: Any) -> Any:
            index = int(observation) - start
            if index < 0:
                raise IndexError(index)  # NumPy would count from the end
            return identity[index]

        return gym.spaces.Box(0.0, 1.0, (int(space.n),), np.float32), one_hot
    assert isinstance(space, gym.spaces.Box)
    if np.issubdtype(space.dtype, np.floating) or len(space.shape) == 1:
        low, high = space.low.astype(np.float32), space.high.astype(np.float32)
        return gym.spaces.Box(low, high, space.shape, np.float32), lambda observation: np.asarray(observation, np.float32)
    return space, lambda observation: observation


def _common_masked(space: gym.spaces.Dict) -> tuple[MaskedBox, Callable[[Any], Any]]:
    features, observe = common_observations(space["observation"])
    (num_actions,) = space["action_mask"].shape or ()
    low, high = features.low.reshape(-1).astype(np.float32), features.high.reshape(-1).astype(np.float32)

    def join(observation: Any) -> Any:
        flat = np.asarray(observe(observation["observation"]), np.float32).reshape(-1)
        return np.concatenate([flat, np.asarray(observation["action_mask"], np.float32)])

    return MaskedBox(low, high, num_actions), join


def common_actions(space: gym.Space[Any]) -> tuple[gym.Space[Any], int]:
    """Returns the common form of an action space, and the number to add to an action before the environment gets it."""
    if isinstance(space, gym.spaces.Discrete):
        return gym.spaces.Discrete(int(space.n)), int(space.start)
    return space, 0


def observation_kind(space: gym.Space[Any]) -> str:
    """Returns `flat` or `image`, or a sentence that says why the arena cannot take such observations."""
    if isinstance(space, gym.spaces.Discrete) or (isinstance(space, gym.spaces.Box) and len(space.shape) == 1):
        return "flat"
    if isinstance(space, gym.spaces.Box) and len(space.shape) == 3:
        return "image"
    if isinstance(space, gym.spaces.Dict) and _is_masked(space):
        return "flat"
    return f"observations are {space}; the arena takes Discrete and Box with one axis (flat) or three (image), or either with a mask: \
Dict(observation, action_mask)"


def _is_masked(space: gym.spaces.Dict) -> bool:
    if set(space.spaces) != {"observation", "action_mask"}:
        return False
    observation, mask = space["observation"], space["action_mask"]
    flags = isinstance(mask, gym.spaces.MultiBinary) or (isinstance(mask, gym.spaces.Box) and mask.low.min() >= 0 and mask.high.max() <= 1)
    return isinstance(observation, (gym.spaces.Box, gym.spaces.Discrete)) and flags and len(mask.shape or ()) == 1


def action_kind(space: gym.Space[Any]) -> str:
    """Returns `discrete` or `box`, or a sentence that says why the arena cannot take such actions."""
    if isinstance(space, gym.spaces.Discrete):
        return "discrete"
    if isinstance(space, gym.spaces.Box) and len(space.shape) == 1 and np.isfinite(space.low).all() and np.isfinite(space.high).all():
        return "box"
    return f"actions are {space}; the arena takes Discrete and bounded Box with one axis"
