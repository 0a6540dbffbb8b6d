"""Names of the features of observations and of the actions, for people: what an explanation or a policy's metadata calls them.

An environment gives its own in its Gymnasium `metadata`, as lists of texts under `feature_names` and `action_names`. Those of Gymnasium's
environments with few features are here, from Gymnasium's documentation. Names that do not fit the spaces are left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from arena.environments.choices import head_sizes, num_scores
from arena.environments.common_form import CommonForm
from arena.environments.spaces import MaskedBox, network_inputs

FEATURE_NAMES, ACTION_NAMES = "feature_names", "action_names"
"""Keys of an environment's `metadata` that hold the names."""
MAX_NAMES = 1_000
"""Largest number of features or actions that are named."""
MAX_NAME_CHARACTERS = 60
"""Largest number of characters of a name; longer ones are cut."""

_LEFT_RIGHT = ("push left", "push right")
_LANDER = ("x", "y", "x velocity", "y velocity", "angle", "angular velocity", "left leg touches", "right leg touches")
_LEGS = ("hip angle", "hip speed", "knee angle", "knee speed", "touches ground")
_WALKER = (
    *("hull angle", "hull angular velocity", "x velocity", "y velocity"),
    *(f"{leg} {name}" for leg in ("first", "second") for name in _LEGS),
    *(f"lidar {index}" for index in range(10)),
)
_TORQUES = tuple(f"{leg} {joint} torque" for leg in ("first", "second") for joint in ("hip", "knee"))
_GYMNASIUM: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "CartPoleEnv": (("cart position", "cart velocity", "pole angle", "pole angular velocity"), _LEFT_RIGHT),
    "AcrobotEnv": (
        ("cos first angle", "sin first angle", "cos second angle", "sin second angle", "first angular velocity", "second angular velocity"),
        ("torque -1", "torque 0", "torque +1"),
    ),
    "MountainCarEnv": (("position", "velocity"), ("accelerate left", "coast", "accelerate right")),
    "Continuous_MountainCarEnv": (("position", "velocity"), ("force",)),
    "PendulumEnv": (("cos angle", "sin angle", "angular velocity"), ("torque",)),
    "LunarLander": (_LANDER, ("nothing", "left engine", "main engine", "right engine")),
    "BipedalWalker": (_WALKER, _TORQUES),
}
"""Names of features and of actions, by class."""


def names_of(env: gym.Env[Any, Any]) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Returns the names of the features and of the actions of an environment; None where it has none.

    Features are what a network reads: of a `MaskedBox`, without the mask. A Discrete observation, one-hot by then, is named by its states,
    and one of several parts by them (`arena.environments.flattening`).

    Args:
        env: The environment in the common form.
    """
    inner = env.unwrapped
    known: tuple[Any, Any] = (None, None)
    if type(inner).__module__.startswith("gymnasium.envs."):
        known = _GYMNASIUM.get(type(inner).__name__, known)
    own = inner.metadata if isinstance(inner.metadata, Mapping) else {}
    features, actions = own.get(FEATURE_NAMES, known[0]), own.get(ACTION_NAMES, known[1])
    if features is None and isinstance(env.unwrapped.observation_space, gym.spaces.Discrete):
        features = [f"state {index}" for index in range(min(int(env.unwrapped.observation_space.n), MAX_NAMES))]
    elif features is None and isinstance(env, CommonForm):
        features = env.feature_names
    assert isinstance(env.observation_space, gym.spaces.Box)
    if actions is None and isinstance(env.action_space, gym.spaces.MultiDiscrete):
        actions = [f"choice {index} = {value}" for index, size in enumerate(head_sizes(env.action_space)) for value in range(size)]
    return _fitting(features, _num_features(env.observation_space)), _fitting(actions, num_scores(env.action_space))


def _num_features(space: gym.spaces.Box) -> int:
    if isinstance(space, MaskedBox):
        return space.num_features
    return int(np.prod(network_inputs(space).shape)) if len(space.shape) == 1 else 0


def _fitting(names: Any, count: int) -> tuple[str, ...] | None:
    if not isinstance(names, Sequence) or isinstance(names, str) or len(names) != count or not 0 < count <= MAX_NAMES:
        return None
    return tuple(str(name)[:MAX_NAME_CHARACTERS] for name in names)
