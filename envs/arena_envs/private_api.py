"""Attributes for which Gymnasium has no public name; no other module of this package reads any. Written for gymnasium 1.2.

- `_max_episode_steps` of a `TimeLimit`: the wrapper's `spec` has it too, but only for an environment that was registered.
"""

from typing import Any

from gymnasium.wrappers import TimeLimit


def time_limit(wrapper: TimeLimit[Any, Any]) -> int:
    """Returns the number of steps after which the wrapper truncates an episode."""
    return int(wrapper._max_episode_steps)
