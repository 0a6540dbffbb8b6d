"""keras-rl2's `SequentialMemory`, kept exact from outside.

It stores one stream of rows and takes the next row's observation as the successor. Left alone it cannot tell truncation from
termination: a truncated row must be marked terminal, or its successor would be paired with the next episode. But it hands `terminal`
through as it is and tests only its truth, so two marks that are both true keep them apart.
"""

import random
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.formats.npz import read_arrays, write_arrays
from arena.learning.transitions import Transitions
from arena_kerasrl.shim import SequentialMemory

Array = npt.NDArray[Any]

RUNNING, TERMINATED, TRUNCATED = 0, 1, 2


class KerasRLReplay:
    """A `SequentialMemory` behind the interface of `arena.learning.replay.ReplayBuffer`, for one environment.

    It draws through Python's global `random`, whose state is saved with it.

    Args:
        capacity: rows kept; every episode takes one more than its transitions, for its last observation.
        seed: Seed of the draws.
    """

    def __init__(self, capacity: int, seed: int) -> None:
        self.memory = SequentialMemory(limit=capacity, window_length=1)
        self._last_observation: Array | None = None  # what follows the newest row while its episode runs
        random.seed(seed)

    def add(self, transitions: Transitions) -> None:
        """Appends the one row of `transitions` if it is valid, and the last observation where an episode ends."""
        if not transitions.valid[0]:
            return
        terminated, truncated = bool(transitions.terminated[0]), bool(transitions.truncated[0])
        mark = RUNNING
        if terminated:
            mark = TERMINATED
        elif truncated:
            mark = TRUNCATED
        self.memory.append(transitions.observations[0], int(transitions.actions[0]), float(transitions.rewards[0]), mark)
        self._last_observation = transitions.next_observations[0]
        if mark != RUNNING:
            self._close_episode()

    def cut(self) -> None:
        """Ends a running episode as truncated; call it when the environment is about to be reset."""
        if self._last_observation is not None:
            self.memory.terminals[-1] = TRUNCATED
            self._close_episode()

    def _close_episode(self) -> None:
        # As rl/core.py does at the end of an episode: the row is never drawn as a transition, only as a successor.
        self.memory.append(self._last_observation, 0, 0.0, RUNNING)
        self._last_observation = None

    def sample(self, batch_size: int) -> tuple[Array, Array, Array, Array, Array]:
        """Returns observations, actions, rewards, next observations and terminated, each `[B, ...]`."""
        states, actions, rewards, next_states, marks = zip(*self.memory.sample(batch_size), strict=True)
        return (
            np.concatenate(states),
            np.array(actions),
            np.array(rewards, np.float32),
            np.concatenate(next_states),
            np.array(marks) == TERMINATED,
        )

    def save(self, directory: Path) -> dict[str, Any]:
        """Writes the rows to `replay.npz` and returns the rest of the state, fit for JSON."""
        memory = self.memory
        rows = {"actions": memory.actions, "rewards": memory.rewards, "terminals": memory.terminals}
        arrays = {name: np.array(values) for name, values in rows.items()}
        following = [] if self._last_observation is None else [self._last_observation]
        arrays["observations"] = np.array([*memory.observations, *following])
        write_arrays(directory / "replay.npz", arrays)
        return {"random": random.getstate()}

    def restore(self, directory: Path, state: dict[str, Any]) -> None:
        """Takes over what `save` wrote and returned."""
        arrays = read_arrays(directory / "replay.npz")
        count, observations = len(arrays["actions"]), arrays["observations"]
        self._last_observation = observations[count] if len(observations) > count else None
        rows = zip(observations[:count], *(arrays[name].tolist() for name in ("actions", "rewards", "terminals")), strict=True)
        for row in rows:
            self.memory.append(*row)
        version, words, gauss = state["random"]
        random.setstate((version, tuple(words), gauss))
