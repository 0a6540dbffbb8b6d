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


def score_indices(actions: Array, sizes: Sequence[int]) -> Array:
    """Returns the indices `int64 [N, C]`, among the scores of one observation, of the values that actions choose.

    Args:
        actions: Actions `[N]` of one choice, for which C = 1, or `[N, C]` of several; `are_in_range` holds for all of them.
        sizes: Number of values of each of C choices; empty for one choice.
    """
    if not sizes:
        return np.asarray(actions, np.int64)[:, None]
    return np.asarray(np.asarray(actions, np.int64) + np.cumsum([0, *sizes[:-1]]))


def are_in_range(actions: Array, sizes: Sequence[int]) -> Array:
    """Returns whether every value of actions `[N]` or `[N, C]` is at least 0 and below its choice's size, as `bool [N]`.

    Args:
        actions: Actions `[N]` of one choice, or `[N, C]` of several.
        sizes: Number of values of each choice: one number for one choice.
    """
    values = actions.reshape(len(actions), -1)
    return np.asarray(((values >= 0) & (values < np.asarray(sizes))).all(-1))


def are_in_space(actions: Array, space: Choosing) -> Array:
    """Returns whether each of the actions `[N]` or `[N, C]` is an action of a space in the common form, as `bool [N]`."""
    return are_in_range(actions, head_sizes(space) or (num_scores(space),))


def taken_values(values: Array, actions: Array, sizes: Sequence[int]) -> Array:
    """Returns what belongs to the values that actions choose, `[N, C]`: their scores or their flags.

    Args:
        values: Scores or flags `[N, A]`, one for each value of each choice.
        actions: Actions `[N]` of one choice, for which C = 1, or `[N, C]` of several. What is returned for an action that isn't in range
            (`are_in_range`) has no meaning.
        sizes: Number of values of each of C choices; empty for one choice.
    """
    known = are_in_range(actions, sizes or values.shape[1:])
    return np.take_along_axis(values, np.where(known[:, None], score_indices(actions, sizes), 0), axis=1)


def are_allowed(actions: Array, masks: Array, sizes: Sequence[int]) -> Array:
    """Returns whether masks `bool [N, A]` allow actions `[N]`, or every choice of actions `[N, C]`, as `bool [N]`.

    An action that isn't in range (`are_in_range`) isn't allowed.
    """
    return np.asarray(taken_values(masks.astype(np.bool_), actions, sizes).all(-1) & are_in_range(actions, sizes or masks.shape[1:]))


def allows_something(flags: Array, sizes: Sequence[int]) -> bool:
    """Returns whether a mask's flags `[A]` allow at least one value of each choice."""
    return all(bool(head.any()) for head in split_heads(flags, sizes)) if sizes else bool(flags.any())
