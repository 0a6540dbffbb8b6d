"""A uniform replay buffer of transitions in NumPy arrays (Lin, 1992), for frameworks whose own costs more than learning from it."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.learning.segments import restore_ring, save_ring
from arena.learning.transitions import Transitions

Array = npt.NDArray[Any]


class ReplayBuffer:
    """Keeps the last `capacity` transitions and draws minibatches from them, uniformly and with replacement.

    Args:
        capacity: Number of transitions kept; the oldest are overwritten.
        observation_space: Space of one environment.
        action_space: Space of one environment.
        seed: Seed of the draws.
    """

    FIELDS = ("observations", "actions", "rewards", "next_observations", "terminated")

    def __init__(self, capacity: int, observation_space: gym.Space[Any], action_space: gym.Space[Any], seed: int) -> None:
        assert observation_space.shape is not None
        assert action_space.shape is not None
        self.capacity = capacity
        self.num_added = 0
        """Number of transitions ever added."""
        action_dtype = np.int64 if isinstance(action_space, gym.spaces.Discrete) else np.float32
        self.arrays: dict[str, Array] = {
            "observations": np.zeros((capacity, *observation_space.shape), observation_space.dtype),
            "actions": np.zeros((capacity, *action_space.shape), action_dtype),
            "rewards": np.zeros(capacity, np.float32),
            "next_observations": np.zeros((capacity, *observation_space.shape), observation_space.dtype),
            "terminated": np.zeros(capacity, np.bool_),
        }
        """Transitions by field, `[capacity, ...]`; rows beyond `size` are empty."""
        self._rng = np.random.default_rng(seed)

    @property
    def size(self) -> int:
        """Number of transitions held."""
        return min(self.num_added, self.capacity)

    def add(self, transitions: Transitions) -> None:
        """Appends the valid rows of `transitions`."""
        rows: slice | Array = slice(None) if transitions.valid.all() else transitions.valid
        count = len(transitions.valid) if isinstance(rows, slice) else int(np.count_nonzero(rows))
        if count > self.capacity:
            raise ValueError(f"replay_capacity={self.capacity} holds fewer transitions than one vector step makes ({count})")
        begin = self.num_added % self.capacity
        end = begin + count
        where: slice | Array = slice(begin, end) if end <= self.capacity else np.arange(begin, end) % self.capacity
        for name in self.FIELDS:
            self.arrays[name][where] = getattr(transitions, name)[rows]
        self.num_added += count

    def sample(self, *shape: int) -> tuple[Array, Array, Array, Array, Array]:
        """Returns observations, actions, rewards, next observations and terminated, each `[*shape, ...]`.

        `sample(k, batch_size)` draws k minibatches at once.
        """
        indices = self._rng.integers(0, self.size, shape)
        arrays = self.arrays
        return (
            arrays["observations"][indices],
            arrays["actions"][indices],
            arrays["rewards"][indices],
            arrays["next_observations"][indices],
            arrays["terminated"][indices],
        )

    def save(self, directory: Path) -> dict[str, Any]:
        """Writes the transitions in segments below `directory` and returns the rest of the state, fit for JSON."""
        save_ring(directory, self.arrays, self.num_added)
        return {"num_added": self.num_added, "rng": self._rng.bit_generator.state}

    def restore(self, directory: Path, state: dict[str, Any]) -> None:
        """Takes over what `save` wrote and returned."""
        restore_ring(directory, self.arrays, state["num_added"])
        self.num_added = state["num_added"]
        self._rng.bit_generator.state = state["rng"]
