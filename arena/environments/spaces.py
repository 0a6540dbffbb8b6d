"""Observation spaces that Gymnasium has no word for: features with a mask of allowed actions, and an image with numbers behind it.

A game's position says which actions are legal. Keeping that inside the observation lets it pass through vector environments, replay
buffers and policy files like any other number, so that an illegal action can be neither learned from nor played by mistake.
"""

import math
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

ILLEGAL_SCORE = -1e30
"""The action score of an action that is not allowed: below any other, yet finite, so that a softmax or a product with zero stays finite."""


class MaskedBox(gym.spaces.Box):
    """Flat observations `float32 [D + A]`: D features, then 1.0 for each of the A actions that is allowed and 0.0 for the others.

    Args:
        low: Lower bounds of the features, `[D]`.
        high: Upper bounds of the features, `[D]`.
        num_actions: A, the number of actions; of several independent choices, the number of values of all of them.
        choices: Number of values of each independent choice, of which at least one is allowed; empty for one choice.
    """

    def __init__(self, low: Array, high: Array, num_actions: int, choices: Sequence[int] = ()) -> None:
        self.num_actions, self.choices = num_actions, tuple(choices)
        assert not choices or sum(choices) == num_actions
        mask_low, mask_high = np.zeros(num_actions, np.float32), np.ones(num_actions, np.float32)
        lows = np.concatenate([np.asarray(low, np.float32), mask_low])
        super().__init__(lows, np.concatenate([np.asarray(high, np.float32), mask_high]), dtype=np.float32)

    @property
    def num_features(self) -> int:
        """D, the number of features."""
        return int(self.shape[0]) - self.num_actions

    @property
    def features(self) -> gym.spaces.Box:
        """The space of the features alone, `[D]`."""
        return gym.spaces.Box(self.low[: self.num_features], self.high[: self.num_features], dtype=np.float32)

    def sample(self, mask: Any = None, probability: Any = None) -> Array:
        """Returns a random observation: features as a Box draws them, and at least one allowed action."""
        observation = super().sample(mask, probability)
        observation[-self.num_actions :] = random_masks(self.np_random, 1, self.num_actions, self.choices)[0]
        return observation

    def split(self, observations: Array) -> tuple[Array, Array]:
        """Returns features `float32 [..., D]` and masks `bool [..., A]` of `observations` `[..., D + A]`."""
        return observations[..., : -self.num_actions], observations[..., -self.num_actions :] > 0.5

    def mask_scores(self, scores: Array, observations: Array) -> Array:
        """Returns `scores` `[N, A]` with `ILLEGAL_SCORE` where `observations` `[N, D + A]` do not allow the action."""
        return np.where(observations[..., -self.num_actions :] > 0.5, scores, np.float32(ILLEGAL_SCORE))

    def __repr__(self) -> str:
        actions = f"{len(self.choices)} choices of {self.num_actions} values" if self.choices else f"{self.num_actions} actions"
        return f"MaskedBox({self.num_features} features, {actions})"

    def __eq__(self, other: object) -> bool:
        same_flags = isinstance(other, MaskedBox) and (self.num_actions, self.choices) == (other.num_actions, other.choices)
        return same_flags and super().__eq__(other)


class ImageAndNumbers(gym.spaces.Box):
    """Flat observations `float32 [P + D]`: the P values of an image `[H, W, C]`, row by row, then D numbers of other parts.

    Args:
        image: Space of the image's values, `[H, W, C]`.
        low: Lower bounds of the numbers, `[D]`.
        high: Upper bounds of the numbers, `[D]`.
    """

    def __init__(self, image: gym.spaces.Box, low: Array, high: Array) -> None:
        height, width, channels = image.shape
        self.image_shape = (height, width, channels)
        lows = np.concatenate([image.low.reshape(-1), np.asarray(low)]).astype(np.float32)
        highs = np.concatenate([image.high.reshape(-1), np.asarray(high)]).astype(np.float32)
        super().__init__(lows, highs, dtype=np.float32)

    @property
    def num_pixels(self) -> int:
        """P, the number of the image's values."""
        return math.prod(self.image_shape)

    @property
    def num_numbers(self) -> int:
        """D, the number of numbers behind the image."""
        return int(self.shape[0]) - self.num_pixels

    def split(self, observations: Array) -> tuple[Array, Array]:
        """Returns images `[N, H, W, C]` and numbers `[N, D]` of `observations` `[N, P + D]`."""
        return observations[:, : self.num_pixels].reshape(-1, *self.image_shape), observations[:, self.num_pixels :]

    def __repr__(self) -> str:
        return f"ImageAndNumbers({self.image_shape}, {self.num_numbers} numbers)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ImageAndNumbers) and self.image_shape == other.image_shape and super().__eq__(other)


def network_shape(space: gym.spaces.Box) -> tuple[int, ...]:
    """Returns the shape by which a network is chosen: that of images, also of those with numbers behind them, or that of a flat vector."""
    return space.image_shape if isinstance(space, ImageAndNumbers) else network_inputs(space).shape


def network_inputs(space: gym.spaces.Box) -> gym.spaces.Box:
    """Returns the space of what a network reads: the features of a `MaskedBox`, or `space` itself."""
    return space.features if isinstance(space, MaskedBox) else space


def features_of(space: gym.Space[Any], observations: Array) -> Array:
    """Returns what a network reads of `observations` `[N, *obs]`: without the masks of a `MaskedBox`."""
    return space.split(observations)[0] if isinstance(space, MaskedBox) else observations


def random_masks(rng: np.random.Generator, count: int, num_actions: int, choices: Sequence[int] = ()) -> Array:
    """Returns masks `bool [N, A]`: each action is allowed with probability 1/2, and one of each row, or of each of its choices, always."""
    masks, first = rng.random((count, num_actions)) < 0.5, 0
    for size in choices or (num_actions,):
        masks[np.arange(count), first + rng.integers(0, size, count)] = True
        first += size
    return masks


def random_actions(rng: np.random.Generator, masks: Array) -> Array:
    """Returns actions `int64 [N]`, each uniform among those that `masks` `bool [N, A]` allow; 0 for a row that allows none."""
    return np.asarray(np.where(masks, rng.random(masks.shape), -1.0).argmax(-1))


def scale_actions(space: gym.spaces.Box, unscaled: Array) -> Array:
    """Returns actions `float32 [N, A]` within the bounds of `space` for `unscaled` ones `[N, A]`, of which [-1, 1] spans the bounds."""
    actions = space.low + (unscaled + 1.0) * (0.5 * (space.high - space.low))
    return np.asarray(np.clip(actions, space.low, space.high), np.float32)
