"""Masks of allowed actions: whether they fit, and what the flags of several choices at once (MultiDiscrete, MultiBinary) stand for.

For one choice there is a flag for each action. For several, the shape of the mask says what its flags stand for:

- As many flags as all choices have values: one for each value, one choice after the other, seven for `MultiDiscrete([3, 2, 2])`.
- A table with a row for each choice, where all have the same number of values: `[2, 2]` for `MultiBinary(2)`.
- As many flags as there are combinations, the last choice changing fastest: twelve for `MultiDiscrete([3, 2, 2])`.
"""

import math
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.environments.action_form import MAX_COMBINATIONS, places_of_choices
from arena.environments.choices import choice_sizes
from arena.environments.observation_form import is_masked, mask_shape
from arena.environments.spaces import MaskedBox

Array = npt.NDArray[Any]
SeveralChoices = gym.spaces.MultiDiscrete | gym.spaces.MultiBinary


def observed_mask_misfit(observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> str:
    """Returns why the mask in observations does not say which actions are allowed; empty if it does, and where there is no mask.

    Args:
        observation_space: Observations as the environment declares them.
        action_space: Actions as the environment declares them.
    """
    if not isinstance(observation_space, MaskedBox) and not is_masked(observation_space):
        return ""
    shape = mask_shape(observation_space)
    if isinstance(action_space, (gym.spaces.MultiDiscrete, gym.spaces.MultiBinary)):
        reason = mask_misfit(action_space, shape)
        return f"action_mask: {reason}" if reason else ""
    flags = " x ".join(map(str, shape))
    if not isinstance(action_space, gym.spaces.Discrete):
        return f"action_mask has {flags} flags, but actions are {action_space}, of which a mask cannot say which are allowed: leave it out"
    if len(shape) > 1:
        return f"observations are {observation_space}: 'action_mask' must have one axis for actions of one choice"
    return "" if shape == (int(action_space.n),) else f"action_mask has {flags} flags, but actions are {action_space}"


def mask_misfit(space: SeveralChoices, shape: tuple[int, ...]) -> str:
    """Returns why a mask with a given shape does not say which combinations of several choices are allowed; empty if it does.

    Args:
        space: Actions as the environment declares them.
        shape: Shape of the mask.
    """
    sizes = choice_sizes(space)
    num_values, num_combinations = sum(sizes), math.prod(sizes)
    if shape == (num_values,) and num_values == num_combinations and len(sizes) > 1:
        table = f"a table {[len(sizes), sizes[0]]} with a row for each choice" if len(set(sizes)) == 1 else "no choice of a single value"
        return (
            f"{num_values} flags could stand for the values of {space} or for its combinations: give {table}, or make the actions "
            f"Discrete({num_combinations})"
        )
    are_few = num_combinations <= MAX_COMBINATIONS
    if shape == (num_values,) or _is_table(sizes, shape) or (are_few and shape == (num_combinations,)):
        return ""
    of_combinations = f", or {num_combinations} for its combinations" if are_few else ""
    return f"it has {' x '.join(map(str, shape))} flags, and {space} takes {num_values}, one for each value of each choice{of_combinations}"


def mask_reader(space: SeveralChoices, shape: tuple[int, ...]) -> Callable[[Array], Array]:
    """Returns the function that makes of a mask's flags, `bool [*shape]`, one flag for each value that the arena's form of the actions has.

    These are the combinations, each of which is allowed if all of its values are; or the values of each choice where there are more than
    `MAX_COMBINATIONS` combinations.

    Args:
        space: Actions as the environment declares them.
        shape: Shape of the mask, for which `mask_misfit` returns nothing.
    """
    sizes = choice_sizes(space)
    if shape != (sum(sizes),) and not _is_table(sizes, shape):
        return lambda flags: flags
    if math.prod(sizes) > MAX_COMBINATIONS:
        return lambda flags: flags.reshape(-1)
    choices = places_of_choices(space)
    return lambda flags: np.asarray(flags.reshape(-1)[choices].all(1))


def _is_table(sizes: list[int], shape: tuple[int, ...]) -> bool:
    return len(set(sizes)) == 1 and shape == (len(sizes), sizes[0])
