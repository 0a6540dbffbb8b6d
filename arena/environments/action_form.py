"""Actions in their common form: Discrete or MultiDiscrete, counting from zero, or a bounded Box with one axis.

Several choices at once (MultiDiscrete, MultiBinary) become one Discrete of all their combinations, where these are few enough, so that
every agent of discrete actions can take them. Where they are too many, they stay independent choices, a MultiDiscrete with one axis.
"""

import itertools
import math
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.environments.choices import choice_sizes

Array = npt.NDArray[Any]

MAX_WHOLE_ACTION = 2**23
"""Magnitude that whole numbers of an action stay below; above it float32, which policies give, does not tell halves apart."""
MAX_COMBINATIONS = 1_024
"""Largest number of combinations of several choices that are taken as actions: as many outputs as a policy then has."""
MAX_VALUES = 4_096
"""Largest number of values that several choices may have together: as many outputs as a policy of independent choices has."""
CHOICES = "choices"
"""Kind of actions that are several choices of more than `MAX_COMBINATIONS` combinations."""


def common_actions(space: gym.Space[Any]) -> tuple[gym.Space[Any], Callable[[Any], Any]]:
    """Returns the common form of an action space, and the function that makes of an action what the environment gets, as a copy.

    Half of a step is added at both ends of a Box of whole numbers, so that uniform actions give each number alike.
    """
    if isinstance(space, gym.spaces.Discrete):
        start = int(space.start)
        return gym.spaces.Discrete(int(space.n)), lambda action: action + start if start else action
    if isinstance(space, (gym.spaces.MultiDiscrete, gym.spaces.MultiBinary)):
        if action_kind(space) == CHOICES:
            return _independent(space)
        table = combinations(space)
        return gym.spaces.Discrete(len(table)), lambda action: table[action].copy()
    if not isinstance(space, gym.spaces.Box):
        return space, lambda action: action
    if np.issubdtype(space.dtype, np.floating):
        return space, np.array
    low, high = space.low.astype(np.float32), space.high.astype(np.float32)
    dtype, lowest, highest = space.dtype, space.low, space.high
    whole = gym.spaces.Box(low - np.float32(0.5), high + np.float32(0.5), dtype=np.float32)
    return whole, lambda action: np.clip(np.rint(action), lowest, highest).astype(dtype)


def _independent(space: gym.spaces.MultiDiscrete | gym.spaces.MultiBinary) -> tuple[gym.Space[Any], Callable[[Any], Any]]:
    starts = space.start if isinstance(space, gym.spaces.MultiDiscrete) else np.zeros(space.shape, np.int64)
    dtype, shape = space.dtype, space.shape
    return gym.spaces.MultiDiscrete(choice_sizes(space)), lambda action: (np.reshape(action, shape) + starts).astype(dtype)


def combinations(space: gym.spaces.MultiDiscrete | gym.spaces.MultiBinary) -> Array:
    """Returns all actions of a space `[P, *act]`, the last choice changing fastest; no space may have more than `MAX_COMBINATIONS`."""
    starts = space.start.reshape(-1) if isinstance(space, gym.spaces.MultiDiscrete) else np.zeros(math.prod(space.shape), np.int64)
    choices = [range(int(start), int(start) + size) for start, size in zip(starts, choice_sizes(space), strict=True)]
    return np.array(list(itertools.product(*choices)), space.dtype).reshape(-1, *space.shape)


def places_of_choices(space: gym.spaces.MultiDiscrete | gym.spaces.MultiBinary) -> Array:
    """Returns where each choice of each combination stands among the values of all choices, one choice after the other, `int64 [P, C]`."""
    sizes = choice_sizes(space)
    firsts = np.cumsum([0, *sizes[:-1]])
    values = np.array(list(itertools.product(*(range(size) for size in sizes))), np.int64).reshape(-1, len(sizes))
    return np.asarray(values + firsts)


def action_kind(space: gym.Space[Any]) -> str:
    """Returns `discrete`, `choices` or `box`, or a sentence that says why the arena cannot take such actions."""
    if isinstance(space, gym.spaces.Discrete):
        return "discrete"
    if isinstance(space, (gym.spaces.MultiDiscrete, gym.spaces.MultiBinary)):
        sizes = choice_sizes(space)
        if math.prod(sizes) <= MAX_COMBINATIONS:
            return "discrete"
        if sum(sizes) <= MAX_VALUES:
            return CHOICES
        return (
            f"actions are {space}: choices of {sum(sizes):,} values in all, and the arena takes at most {MAX_VALUES:,}; leave out choices "
            "by a wrapper (gymnasium.ActionWrapper), or make them one after the other"
        )
    if isinstance(space, gym.spaces.Box) and len(space.shape) == 1 and _are_bounded(space):
        return "box"
    return f"actions are {space}; the arena takes Discrete, MultiDiscrete, MultiBinary, and bounded Box with one axis"


def _are_bounded(space: gym.spaces.Box) -> bool:
    largest = np.maximum(np.abs(space.low.astype(np.float64)), np.abs(space.high.astype(np.float64)))
    if np.issubdtype(space.dtype, np.floating):
        return bool(np.isfinite(largest).all())
    return bool((largest < MAX_WHOLE_ACTION).all())
