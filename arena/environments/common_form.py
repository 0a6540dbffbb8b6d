"""The one form in which all agents and policies see an environment.

Observations are flat, `float32 [D]`, or image-shaped, `[H, W, C]`; Discrete ones become one-hot vectors, floats become float32, and images
of whole numbers become bytes (`arena.environments.images`). An observation space `Dict(observation, action_mask)` becomes
`arena.environments.spaces.MaskedBox`. Actions are Discrete, counting from zero, or a bounded Box with one axis; actions of a Box of whole
numbers are rounded. Everything else is refused.

What crosses this edge is the receiver's own: an environment may change its arrays in place, and so may an agent. Nothing of `info` crosses
it, whatever an environment puts there.
"""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from arena.environments.images import channels_last, common_image, is_integer_image
from arena.environments.spaces import MaskedBox
from arena.environments.values import MissingValue

MAX_WHOLE_ACTION = 2**23
"""Magnitude that whole numbers of an action stay below; above it float32, which policies give, does not tell halves apart."""


class CommonForm(gym.Wrapper[Any, Any, Any, Any]):
    """Wraps an environment whose spaces the arena takes, so that its observations and actions have the common form.

    Args:
        env: the environment.
        channels_first: whether its images are `[C, H, W]`; they become `[H, W, C]`.
    """

    def __init__(self, env: gym.Env[Any, Any], *, channels_first: bool = False) -> None:
        super().__init__(env)
        space = env.observation_space
        if channels_first:
            assert isinstance(space, gym.spaces.Box)
            self.observation_space, observe = common_observations(channels_last(space))
            self._observe: Callable[[Any], Any] = lambda image: observe(np.moveaxis(np.asarray(image), 0, -1))
        else:
            self.observation_space, self._observe = common_observations(space)
        self.action_space, self._act = common_actions(env.action_space)
        self._mask_start = self.observation_space.num_features if isinstance(self.observation_space, MaskedBox) else None
        self._env_step = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Resets the environment."""
        observation, _ = self.env.reset(seed=seed, options=options)
        self._env_step = 0
        return self._common(observation, terminated=False), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Steps the environment with `action` in the common form."""
        observation, given, terminated, truncated, _ = self.env.step(self._act(action))
        self._env_step += 1
        reward = self._reward(given)
        terminated = bool(terminated)
        return self._common(observation, terminated=terminated), reward, terminated, bool(truncated), {}

    def _reward(self, given: Any) -> float:
        if given is None:
            raise MissingValue("None", "reward", self._env_step)
        try:
            return float(given if np.ndim(given) == 0 else np.asarray(given).item())
        except (ValueError, TypeError) as error:
            raise MissingValue(f"{_shown(given)}, which is not a number,", "reward", self._env_step) from error

    def _common(self, observation: Any, *, terminated: bool) -> Any:
        if observation is None:
            raise MissingValue("None", "observation", self._env_step)
        try:
            common = self._observe(observation)
            if common.shape != self.observation_space.shape:
                raise ValueError(common.shape)  # NumPy would repeat it where it can
        except (
            ValueError,
            TypeError,
            IndexError,
            KeyError,
        ) as error:  # a number that is not in a Discrete space has no one-hot vector, say
            value = f"{_shown(observation)}, which is not in {self.env.observation_space},"
            raise MissingValue(value, "observation", self._env_step) from error
        if self._mask_start is not None and not terminated and not (common[self._mask_start :] > 0.5).any():
            raise MissingValue("an action mask that allows nothing", "observation", self._env_step)
        return common


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:59]}…"


def common_observations(space: gym.Space[Any]) -> tuple[gym.spaces.Box, Callable[[Any], Any]]:
    """Returns the common form of an observation space, and the function that brings an observation into it as a copy."""
    if isinstance(space, MaskedBox):
        return space, lambda observation: np.array(observation, np.float32)
    if isinstance(space, gym.spaces.Dict):
        return _common_masked(space)
    if isinstance(space, gym.spaces.Discrete):
        identity, start = np.eye(int(space.n), dtype=np.float32), int(space.start)

        def one_hot(observation: Any) -> Any:
            index = int(observation) - start
            if index < 0:
                raise IndexError(index)  # NumPy would count from the end
            return identity[index].copy()

        return gym.spaces.Box(0.0, 1.0, (int(space.n),), np.float32), one_hot
    assert isinstance(space, gym.spaces.Box)
    return common_image(space) if is_integer_image(space) else _common_floats(space)


def _common_floats(space: gym.spaces.Box) -> tuple[gym.spaces.Box, Callable[[Any], Any]]:
    low, high = space.low.astype(np.float32), space.high.astype(np.float32)
    return gym.spaces.Box(low, high, space.shape, np.float32), lambda observation: np.array(observation, np.float32)


def _common_masked(space: gym.spaces.Dict) -> tuple[MaskedBox, Callable[[Any], Any]]:
    inner = space["observation"]
    features, observe = _common_floats(inner) if isinstance(inner, gym.spaces.Box) else common_observations(inner)
    (num_actions,) = space["action_mask"].shape or ()

    def join(observation: Any) -> Any:
        flat = observe(observation["observation"]).reshape(-1)
        return np.concatenate([flat, np.asarray(observation["action_mask"], np.float32)])

    return MaskedBox(features.low.reshape(-1), features.high.reshape(-1), num_actions), join


def common_actions(space: gym.Space[Any]) -> tuple[gym.Space[Any], Callable[[Any], Any]]:
    """Returns the common form of an action space, and the function that makes of an action what the environment gets, as a copy.

    Half of a step is added at both ends of a Box of whole numbers, so that uniform actions give each number alike.
    """
    if isinstance(space, gym.spaces.Discrete):
        start = int(space.start)
        return gym.spaces.Discrete(int(space.n)), lambda action: action + start if start else action
    if not isinstance(space, gym.spaces.Box):
        return space, lambda action: action
    if np.issubdtype(space.dtype, np.floating):
        return space, np.array
    low, high = space.low.astype(np.float32), space.high.astype(np.float32)
    dtype, lowest, highest = space.dtype, space.low, space.high
    whole = gym.spaces.Box(low - np.float32(0.5), high + np.float32(0.5), dtype=np.float32)
    return whole, lambda action: np.clip(np.rint(action), lowest, highest).astype(dtype)


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
    if isinstance(space, gym.spaces.Box) and len(space.shape) == 1 and _are_bounded(space):
        return "box"
    return f"actions are {space}; the arena takes Discrete and bounded Box with one axis"


def _are_bounded(space: gym.spaces.Box) -> bool:
    largest = np.maximum(np.abs(space.low.astype(np.float64)), np.abs(space.high.astype(np.float64)))
    if np.issubdtype(space.dtype, np.floating):
        return bool(np.isfinite(largest).all())
    return bool((largest < MAX_WHOLE_ACTION).all())
