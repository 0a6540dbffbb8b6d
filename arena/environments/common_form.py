"""The one form in which all agents and policies see an environment.

Observations are flat, `float32 [D]`, or image-shaped, `[H, W, C]` (`arena.environments.observation_form`); actions are Discrete or
MultiDiscrete, counting from zero, or a bounded Box with one axis (`arena.environments.action_form`). Everything else is refused.

What crosses this edge is the receiver's own: an environment may change its arrays in place, and so may an agent. Nothing of `info` crosses
it, whatever an environment puts there, but a mask of allowed actions and numbers that the user asks for by their names.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from arena.environments.action_form import common_actions
from arena.environments.choice_masks import mask_misfit, mask_reader, observed_mask_misfit
from arena.environments.choices import allows_something, head_sizes, num_scores
from arena.environments.observation_form import mask_shape, observation_form
from arena.environments.own_errors import environment_error
from arena.environments.spaces import MaskedBox
from arena.environments.values import MissingValue
from arena.errors import ArenaError


class CommonForm(gym.Wrapper[Any, Any, Any, Any]):
    """Wraps an environment whose spaces the arena takes, so that its observations and actions have the common form.

    Args:
        env: the environment.
        channels_first: whether its images are `[C, H, W]`; they become `[H, W, C]`.
        text_encoder: `package.module:function` that makes vectors of texts; None makes bags of words.
        action_mask_key: key of `info` under which the environment says which actions are allowed; None if it does not. The flags of
            several choices are read by `arena.environments.choice_masks`; the shape of the first mask is that of all.
        info_metrics: keys of the `info` of a step whose values are kept, as floats.

    Raises:
        ArenaError: if a mask in the observations does not fit the actions, or an encoder cannot be used.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        *,
        channels_first: bool = False,
        text_encoder: str | None = None,
        action_mask_key: str | None = None,
        info_metrics: Sequence[str] = (),
    ) -> None:
        super().__init__(env)
        self._info_metrics = tuple(info_metrics)
        form = observation_form(env.observation_space, channels_first=channels_first, text_encoder=text_encoder)
        self._observe, self._names, self._encoders = form.observe, form.names, form.encoders
        self.action_space, self._act = common_actions(env.action_space)
        self._mask_key, space, actions = action_mask_key, form.space, env.action_space
        self._several = actions if isinstance(actions, (gym.spaces.MultiDiscrete, gym.spaces.MultiBinary)) else None
        self._heads, self._num_flags = head_sizes(self.action_space), num_scores(self.action_space)
        self._mask_shape: tuple[int, ...] | None = None  # of masks of several choices; one in `info` decides it when it first comes
        self._read: Callable[[Any], Any] | None = None  # makes flags of the common form of those of such a mask
        if action_mask_key is not None:
            space = MaskedBox(space.low.reshape(-1), space.high.reshape(-1), self._num_flags, self._heads)
        elif reason := observed_mask_misfit(env.observation_space, actions):
            raise ArenaError(reason)
        elif self._several is not None and isinstance(space, MaskedBox):
            self._mask_shape = mask_shape(env.observation_space)
            self._read = mask_reader(self._several, self._mask_shape)
            space = MaskedBox(space.features.low, space.features.high, self._num_flags, self._heads)
        self.observation_space = space
        self._mask_start = space.num_features if isinstance(space, MaskedBox) else None
        self.env_step = 0
        """Env steps of the episode so far, with one that has begun; 0 in a reset."""
        self.is_stepping = False
        """Whether a reset or a step has begun and not come to its end: after an error, it is this environment that failed."""

    @property
    def feature_names(self) -> list[str]:
        """Names of the numbers of an observation of several parts, without those of a mask; words are named once they were met."""
        return self._names()

    def learn_words_of(self, other: "CommonForm") -> None:
        """Takes over, for `feature_names`, the words that another of the same environments has met in its texts."""
        for mine, theirs in zip(self._encoders, other._encoders, strict=True):
            mine.learn_names(theirs)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Resets the environment."""
        self.env_step, self.is_stepping = 0, True
        observation, info = self.env.reset(seed=seed, options=options)
        common = self._common(observation, info, terminated=False)
        self.is_stepping = False
        return common, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Steps the environment with `action` in the common form."""
        self.env_step, self.is_stepping = self.env_step + 1, True
        observation, given, terminated, truncated, info = self.env.step(self._act(action))
        reward = self._reward(given)
        terminated = bool(terminated)
        common, kept = self._common(observation, info, terminated=terminated), self._kept(info)
        self.is_stepping = False
        return common, reward, terminated, bool(truncated), kept

    def close(self) -> None:
        """Closes the environment.

        Raises:
            EnvironmentRaised: if its own code fails at that.
        """
        try:
            self.env.close()
        except Exception as error:  # another package's code
            raise environment_error(error, self.spec.id if self.spec else "", None, "its end") from error

    def _kept(self, info: Any) -> dict[str, Any]:
        """Returns the numbers of `info` that are asked for."""
        kept = {}
        for name in self._info_metrics:
            if name in info:
                try:
                    kept[name] = float(np.asarray(info[name]).item())
                except (ValueError, TypeError) as error:
                    raise MissingValue(f"{_shown(info[name])}, which is not a number,", f"info[{name!r}]", self.env_step) from error
        return kept

    def _reward(self, given: Any) -> float:
        if given is None:
            raise MissingValue("None", "reward", self.env_step)
        try:
            return float(given if np.ndim(given) == 0 else np.asarray(given).item())
        except (ValueError, TypeError) as error:
            raise MissingValue(f"{_shown(given)}, which is not a number,", "reward", self.env_step) from error

    def _common(self, observation: Any, info: Mapping[str, Any], *, terminated: bool) -> Any:
        if observation is None:
            raise MissingValue("None", "observation", self.env_step)
        try:
            common = self._observe(observation)
            if self._mask_key is not None:
                mask = self._mask(info.get(self._mask_key), terminated=terminated)
                common = np.concatenate([common.reshape(-1), mask], dtype=np.float32)
            elif self._read is not None and self._mask_shape is not None:
                features, flags = common[: self._mask_start], common[self._mask_start :] > 0.5
                common = np.concatenate([features, self._read(flags.reshape(self._mask_shape))], dtype=np.float32)
            if common.shape != self.observation_space.shape:
                raise ValueError(common.shape)  # NumPy would repeat it where it can
        except (
            ValueError,
            TypeError,
            IndexError,
            KeyError,
        ) as error:  # a number that is not in a Discrete space has no one-hot vector, say
            value = f"{_shown(observation)}, which is not in {self.env.observation_space},"
            raise MissingValue(value, "observation", self.env_step) from error
        if self._mask_start is not None and not terminated and not allows_something(common[self._mask_start :] > 0.5, self._heads):
            raise MissingValue("an action mask that allows nothing", "observation", self.env_step)
        return common

    def _mask(self, given: Any, *, terminated: bool) -> Any:
        """Returns the flags `float32` that `info` held, if any; after the end it need not hold any."""
        count, where = self._num_flags, f"info[{self._mask_key!r}]"
        if terminated and given is None:
            return np.ones(count, np.float32)
        mask = np.asarray([] if given is None else given)
        if (self._several is None and mask.shape != (count,)) or not np.isin(mask, (0, 1)).all():
            raise MissingValue(f"{_shown(given)}, which is not {count} flags,", where, self.env_step)
        if self._several is None:
            return mask.astype(np.float32)
        if self._read is None:
            if reason := mask_misfit(self._several, mask.shape):
                raise MissingValue(f"{_shown(given)} ({reason})", where, self.env_step)
            self._read, self._mask_shape = mask_reader(self._several, mask.shape), mask.shape
        if mask.shape != self._mask_shape:
            reason = f"its shape is {mask.shape}, and that of the first mask was {self._mask_shape}"
            raise MissingValue(f"{_shown(given)} ({reason})", where, self.env_step)
        return self._read(mask > 0).astype(np.float32)


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:59]}…"
