"""Several choices at once as independent heads: what a policy scores, draws and may take, one choice after the other.

Scores and flags of a MultiDiscrete space `[n1, n2, …]` are those of the first choice's values, then of the second's: `n1 + n2 + …` numbers.
A Discrete space is a single choice.
"""

import math
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.environments.spaces import random_actions

Array = npt.NDArray[Any]
Choosing = gym.spaces.Discrete[Any] | gym.spaces.MultiDiscrete
"""Actions of one choice, or of several, each counting from zero."""


def choice_sizes(space: gym.spaces.MultiDiscrete | gym.spaces.MultiBinary) -> list[int]:
    """Returns the number of values of each choice."""
    if isinstance(space, gym.spaces.MultiDiscrete):
        return [int(size) for size in space.nvec.reshape(-1)]
    return [2] * math.prod(space.shape)


def head_sizes(space: gym.Space[Any]) -> tuple[int, ...]:
    """Returns the number of values of each choice of a space in the common form; empty for one choice, and for Box actions."""
    return tuple(choice_sizes(space)) if isinstance(space, gym.spaces.MultiDiscrete) else ()


def num_scores(space: gym.Space[Any]) -> int:
    """Returns how many scores a policy gives for each observation: one for each value of each choice, or each number of a Box."""
    if isinstance(space, gym.spaces.Discrete):
        return int(space.n)
    return sum(head_sizes(space)) or math.prod(space.shape or (0,))


def split_heads(values: Array, sizes: Sequence[int]) -> list[Array]:
    """Returns the values `[..., n]` of each choice, of `values` `[..., n1 + n2 + …]`."""
    return np.split(values, np.cumsum(sizes)[:-1], axis=-1)


def best_actions(scores: Array, sizes: Sequence[int] = ()) -> Array:
    """Returns the actions of the highest scores.

    Args:
        scores: Scores `[N, A]`.
        sizes: Number of values of each of C choices; empty for one choice.

    Returns:
        `int64 [N]` for one choice, `[N, C]` for several.
    """
    if not sizes:
        return np.asarray(scores.argmax(-1))
    return np.stack([head.argmax(-1) for head in split_heads(scores, sizes)], axis=-1)


def uniform_actions(space: Choosing, rng: np.random.Generator, count: int, masks: Array | None) -> Array:
    """Returns `count` random actions `[N]` or `[N, C]`, uniform among those that `masks` `bool [N, A]` allow; None allows all."""
    masks = np.ones((count, num_scores(space)), np.bool_) if masks is None else masks
    sizes = head_sizes(space)
    if not sizes:
        return random_actions(rng, masks)
    return np.stack([random_actions(rng, head) for head in split_heads(masks, sizes)], axis=-1)


def places(actions: Array, sizes: Sequence[int]) -> Array:
    """Returns where actions `[N]` or `[N, C]` stand among the values of all choices, `[N, C]`; one choice has C = 1."""
    if not sizes:
        return np.asarray(actions, np.int64)[:, None]
    return np.asarray(np.asarray(actions, np.int64) + np.cumsum([0, *sizes[:-1]]))


def are_there(actions: Array, space: Choosing) -> Array:
    """Returns whether each action is a value of the space, `bool [N]`."""
    sizes = np.array(head_sizes(space) or [num_scores(space)])
    values = actions.reshape(len(actions), -1)
    return np.asarray(((values >= 0) & (values < sizes)).all(-1))


def are_allowed(actions: Array, masks: Array, sizes: Sequence[int]) -> Array:
    """Returns whether masks `bool [N, A]` allow actions `[N]`, or every choice of actions `[N, C]`, as `bool [N]`."""
    return np.asarray(np.take_along_axis(masks.astype(np.bool_), places(actions, sizes), axis=1).all(-1))


def allows_something(flags: Array, sizes: Sequence[int]) -> bool:
    """Returns whether a mask's flags `[A]` allow at least one value of each choice."""
    return all(bool(head.any()) for head in split_heads(flags, sizes)) if sizes else bool(flags.any())
