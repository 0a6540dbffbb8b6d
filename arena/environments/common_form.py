"""The one form in which all agents and policies see an environment.

Observations are flat, `float32 [D]`, or image-shaped, `[H, W, C]` (`arena.environments.observation_form`); actions are Discrete, counting
from zero, or a bounded Box with one axis (`arena.environments.action_form`). Everything else is refused.

What crosses this edge is the receiver's own: an environment may change its arrays in place, and so may an agent. Nothing of `info` crosses
it, whatever an environment puts there, but a mask of allowed actions and numbers that the user asks for by their names.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from arena.environments.action_form import choice_sizes, common_actions, places_of_choices
from arena.environments.observation_form import observation_form
from arena.environments.own_errors import environment_error
from arena.environments.spaces import MaskedBox
from arena.environments.values import MissingValue


class CommonForm(gym.Wrapper[Any, Any, Any, Any]):
    """Wraps an environment whose spaces the arena takes, so that its observations and actions have the common form.

    Args:
        env: the environment.
        channels_first: whether its images are `[C, H, W]`; they become `[H, W, C]`.
        text_encoder: `package.module:function` that makes vectors of texts; None makes bags of words.
        action_mask_key: key of `info` under which the environment says which actions are allowed; None if it does not. A mask of several
            choices has flags for the values of each choice, one choice after the other.
        info_metrics: keys of the `info` of a step whose values are kept, as floats.
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
        several = actions if isinstance(actions, (gym.spaces.MultiDiscrete, gym.spaces.MultiBinary)) else None
        self._num_flags = 0
        """Number of flags in a mask that `info` holds."""
        if action_mask_key is not None:
            assert isinstance(self.action_space, gym.spaces.Discrete)
            self._num_flags = int(self.action_space.n) if several is None else sum(choice_sizes(several))
            space = MaskedBox(space.low.reshape(-1), space.high.reshape(-1), self._num_flags)
        self._choices: Any = None  # [P, C] places of the flags of each combination, where a mask has flags for each choice
        if several is not None and isinstance(space, MaskedBox) and space.num_actions == sum(choice_sizes(several)):
            self._choices = places_of_choices(several)
            space = MaskedBox(space.features.low, space.features.high, len(self._choices))
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
            if self._choices is not None:
                features, flags = common[: self._mask_start], common[self._mask_start :] > 0.5
                common = np.concatenate([features, flags[self._choices].all(1)], dtype=np.float32)
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
        if self._mask_start is not None and not terminated and not (common[self._mask_start :] > 0.5).any():
            raise MissingValue("an action mask that allows nothing", "observation", self.env_step)
        return common

    def _mask(self, given: Any, *, terminated: bool) -> Any:
        """Returns the flags `float32` that `info` held, if any; after the end it need not hold any."""
        count = self._num_flags
        if terminated and given is None:
            return np.ones(count, np.float32)
        mask = np.asarray([] if given is None else given)
        if mask.shape != (count,) or not np.isin(mask, (0, 1)).all():
            raise MissingValue(f"{_shown(given)}, which is not {count} flags,", f"info[{self._mask_key!r}]", self.env_step)
        return mask.astype(np.float32)


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:59]}…"
