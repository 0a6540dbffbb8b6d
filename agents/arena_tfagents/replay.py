"""TF-Agents' own uniform replay buffer behind the interface of `arena.learning.replay.ReplayBuffer`."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.formats.npz import read_arrays, write_arrays
from arena.learning.transitions import Transitions
from arena_tfagents.framework import TFUniformReplayBuffer, tf

Array = npt.NDArray[Any]

FIELDS = ("observations", "actions", "rewards", "next_observations", "terminated")


class TFAgentsReplay:
    """Keeps the last `capacity` transitions in a `TFUniformReplayBuffer`; one item is one whole transition.

    TensorFlow's random operations keep a state that cannot be read. Each call of `sample` therefore begins with a seed that
    depends on `seed` and the number of calls so far, which is saved.

    Args:
        capacity: transitions kept; the oldest are overwritten.
        observation_space: Space of one environment.
        action_space: Space of one environment.
        seed: Seed of the draws.
    """

    def __init__(self, capacity: int, observation_space: gym.spaces.Box, action_space: gym.spaces.Discrete, seed: int) -> None:
        assert action_space.shape == ()
        observation = tf.TensorSpec(observation_space.shape, observation_space.dtype)
        specs = (observation, tf.TensorSpec((), tf.int64), tf.TensorSpec((), tf.float32), observation, tf.TensorSpec((), tf.bool))
        self._buffer = TFUniformReplayBuffer(specs, batch_size=1, max_length=capacity)
        self._seed = seed
        self._num_samples = 0
        self._pending: list[tuple[Array, ...]] = []
        signature = [tf.TensorSpec((None, *spec.shape), spec.dtype) for spec in specs]
        self._add_rows = tf.function(self._add, input_signature=signature, autograph=False)
        self._add_rows.get_concrete_function()

    def _add(self, *rows: tf.Tensor) -> None:
        def add(index: tf.Tensor) -> tf.Tensor:
            with tf.control_dependencies([self._buffer.add_batch(tuple(row[index, None] for row in rows))]):
                return index + 1

        tf.while_loop(lambda index: index < tf.shape(rows[0])[0], add, [tf.constant(0)], parallel_iterations=1)

    def add(self, transitions: Transitions) -> None:
        """Appends the valid rows of `transitions`."""
        self._pending.append(tuple(getattr(transitions, name)[transitions.valid] for name in FIELDS))

    def _flush(self) -> None:
        if self._pending:
            self._add_rows(*(np.concatenate(rows) for rows in zip(*self._pending, strict=True)))
            self._pending.clear()

    def sample(self, *shape: int) -> tuple[Array, ...]:
        """Returns observations, actions, rewards, next observations and terminated, each a tensor `[*shape, ...]`."""
        self._flush()
        tf.random.set_seed(int(np.random.SeedSequence([self._seed, self._num_samples]).generate_state(1)[0]))
        self._num_samples += 1
        # Deprecated in favour of datasets, whose random state cannot be saved.
        fields, _ = self._buffer.get_next(sample_batch_size=int(np.prod(shape)))
        return tuple(tf.reshape(field, (*shape, *field.shape[1:])) for field in fields)

    def save(self, directory: Path) -> dict[str, Any]:
        """Writes the buffer's variables to `replay.npz` and returns the rest of the state, fit for JSON."""
        self._flush()
        write_arrays(directory / "replay.npz", {f"variable_{i}": variable.numpy() for i, variable in enumerate(self._buffer.variables())})
        return {"num_samples": self._num_samples}

    def restore(self, directory: Path, state: dict[str, Any]) -> None:
        """Takes over what `save` wrote and returned."""
        arrays = read_arrays(directory / "replay.npz")
        for i, variable in enumerate(self._buffer.variables()):
            variable.assign(arrays[f"variable_{i}"])
        self._num_samples = state["num_samples"]
