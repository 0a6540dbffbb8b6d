"""Attributes for which Stable-Baselines3 has no public name; no other module of this package reads any. Written for SB3 2.9.

- `_n_updates` of every algorithm: optimizer steps taken (PPO: epochs). TD3 updates its actor when `policy_delay` divides it
  (stable_baselines3/td3/td3.py).
- `_n_calls` of DQN: vector steps taken, which decide when the target network is updated (stable_baselines3/dqn/dqn.py).
"""

from typing import Any


def num_updates(model: Any) -> int:
    """Returns the optimizer steps that an algorithm has taken; epochs for PPO."""
    return int(model._n_updates)


def set_counters(model: Any, *, num_updates: int, num_vector_steps: int) -> None:
    """Sets the counters of an algorithm that `num_timesteps` does not decide.

    Args:
        model: an algorithm of Stable-Baselines3.
        num_updates: what `num_updates` returned.
        num_vector_steps: steps of the vector environment; only DQN has a counter of them.
    """
    model._n_updates = num_updates
    if hasattr(model, "_n_calls"):
        model._n_calls = num_vector_steps
