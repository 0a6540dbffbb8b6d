"""Attributes for which Gymnasium has no public name; no other module of this package reads any. Written for gymnasium 1.2.

- `_max_episode_steps` of a `TimeLimit`: the wrapper's `spec` has it too, but only for an environment that was registered.
- `_sutton_barto_reward` of a `CartPoleEnv`: the argument of that name.
"""

from typing import Any

from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from gymnasium.wrappers import TimeLimit


def time_limit(wrapper: TimeLimit[Any, Any]) -> int:
    """Returns the number of steps after which the wrapper truncates an episode."""
    return int(wrapper._max_episode_steps)


def has_sutton_barto_reward(env: CartPoleEnv) -> bool:
    """Returns whether a step is rewarded with -1 where the pole falls and 0 elsewhere, instead of with 1."""
    return bool(env._sutton_barto_reward)
