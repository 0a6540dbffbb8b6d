"""A uniform replay buffer of transitions in NumPy arrays (Lin, 1992), for frameworks whose own costs more than learning from it."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.environments.images import are_stacks, may_be_stack
from arena.learning.frames import FrameStore
from arena.learning.segments import restore_ring, save_ring
from arena.learning.transitions import Transitions

Array = npt.NDArray[Any]


class ReplayBuffer:
    """Keeps the last `capacity` transitions and draws minibatches from them, uniformly and with replacement.

    Images that turn out to be stacks of frames when the first transitions come are stored frame by frame, each frame once. What is drawn
    is the same.

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
            "actions": np.zeros((capacity, *action_space.shape), action_dtype),
            "rewards": np.zeros(capacity, np.float32),
            "terminated": np.zeros(capacity, np.bool_),
        }
        """Transitions by field, `[capacity, ...]`; rows beyond `size` are empty. Stacks of frames are the numbers of their frames,
        `int64 [capacity, K]`."""
        self._observation_space = observation_space
        self._frames: FrameStore | None = None
        if not may_be_stack(observation_space):
            self._hold_whole()
        self._rng = np.random.default_rng(seed)

    @property
    def size(self) -> int:
        """Number of transitions held."""
        return min(self.num_added, self.capacity)

    @property
    def num_bytes(self) -> int:
        """Size of all arrays in memory, frames included."""
        return sum(array.nbytes for array in self.arrays.values()) + (0 if self._frames is None else self._frames.frames.nbytes)

    def add(self, transitions: Transitions) -> None:
        """Appends the valid rows of `transitions`."""
        rows: slice | Array = slice(None) if transitions.valid.all() else transitions.valid
        count = len(transitions.valid) if isinstance(rows, slice) else int(np.count_nonzero(rows))
        if count > self.capacity:
            raise ValueError(f"replay_capacity={self.capacity} holds fewer transitions than one vector step makes ({count})")
        if not count:
            return
        begin = self.num_added % self.capacity
        end = begin + count
        where: slice | Array = slice(begin, end) if end <= self.capacity else np.arange(begin, end) % self.capacity
        fields = {name: getattr(transitions, name)[rows] for name in self.FIELDS}
        if "observations" not in self.arrays:
            self._choose(fields["observations"], fields["next_observations"], len(transitions.valid))
        if self._frames is not None:
            stacks = fields["observations"], fields["next_observations"]
            envs = np.arange(len(transitions.valid))[rows].tolist()
            fields["observations"], fields["next_observations"] = self._frames.add(*stacks, envs, self._first_held)
        for name, values in fields.items():
            self.arrays[name][where] = values
        self.num_added += count

    def sample(self, *shape: int) -> tuple[Array, Array, Array, Array, Array]:
        """Returns observations, actions, rewards, next observations and terminated, each `[*shape, ...]`.

        `sample(k, batch_size)` draws k minibatches at once.
        """
        indices = self._rng.integers(0, self.size, shape)
        arrays = self.arrays
        observations, following = arrays["observations"][indices], arrays["next_observations"][indices]
        if self._frames is not None:
            observations, following = self._frames.stacks(observations), self._frames.stacks(following)
        return observations, arrays["actions"][indices], arrays["rewards"][indices], following, arrays["terminated"][indices]

    def save(self, directory: Path) -> dict[str, Any]:
        """Writes the transitions in segments below `directory` and returns the rest of the state, fit for JSON."""
        frames = None if self._frames is None else self._frames.save(directory, self._first_held)
        if "observations" in self.arrays:
            save_ring(directory, self.arrays, self.num_added)
        return {"num_added": self.num_added, "rng": self._rng.bit_generator.state, "frames": frames}

    def restore(self, directory: Path, state: dict[str, Any]) -> None:
        """Takes over what `save` wrote and returned."""
        self.num_added = state["num_added"]
        self._rng.bit_generator.state = state["rng"]
        frames = state.get("frames")  # checkpoints of earlier versions hold whole observations
        if frames is not None:
            self._hold_frames(frames["capacity"]).restore(directory, frames)
        elif self.num_added and "observations" not in self.arrays:
            self._hold_whole()
        if "observations" in self.arrays:
            restore_ring(directory, self.arrays, self.num_added)

    def _first_held(self) -> int:
        """Returns the smallest number of a frame of the transitions held."""
        assert self._frames is not None
        if not self.size:
            return self._frames.num_added
        return min(int(self.arrays[name][: self.size].min()) for name in ("observations", "next_observations"))

    def _choose(self, observations: Array, following: Array, num_envs: int) -> None:
        """Decides by the first transitions whether observations are stacks of frames."""
        if are_stacks(observations, following):
            depth = observations.shape[-1]
            self._hold_frames(self.capacity + self.capacity // 8 + 4 * depth * num_envs)
        else:
            self._hold_whole()

    def _hold_frames(self, num_frames: int) -> FrameStore:
        shape = self._observation_space.shape
        assert shape is not None
        self._frames = FrameStore(shape, num_frames)
        self.arrays |= {name: np.zeros((self.capacity, shape[2]), np.int64) for name in ("observations", "next_observations")}
        return self._frames

    def _hold_whole(self) -> None:
        space = self._observation_space
        shape = (self.capacity, *(space.shape or ()))
        self.arrays |= {name: np.zeros(shape, space.dtype) for name in ("observations", "next_observations")}
