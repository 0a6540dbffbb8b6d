"""What SAC and TD3 share on Keras 3: a pair of critics, targets that follow, and k updates in one compiled call."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from arena.agent.hyperparameters import ContinuousConfig
from arena.formats.npz import read_arrays, write_arrays
from arena_keras.engine import Engine
from arena_keras.learner import finite_means
from arena_keras.networks import Network

Array = npt.NDArray[Any]
Step = Callable[[Any, tuple[Any, ...]], tuple[Any, Any]]


class Critics:
    """Two networks from an observation and an unscaled action to a value (clipped double Q-learning: Fujimoto et al., 2018).

    Args:
        num_inputs: Number of features of an observation, plus number of dimensions of an action.
        config: Sizes and activation.
    """

    def __init__(self, num_inputs: int, config: ContinuousConfig) -> None:
        self._network = Network(gym.spaces.Box(-np.inf, np.inf, (num_inputs,), np.float32), 1, config)

    def initial_parameters(self, rng: np.random.Generator) -> list[Array]:
        """Draws the parameters of the first critic, then those of the second."""
        return self._network.initial_parameters(rng) + self._network.initial_parameters(rng)

    def __call__(self, parameters: list[Any], observations: Any, actions: Any) -> tuple[Any, Any]:
        """Returns the values `[B]` of both critics."""
        inputs = ops.concatenate([observations, actions], -1)  # [B, D + A]
        size = self._network.num_parameters
        return self._network(parameters[:size], inputs)[:, 0], self._network(parameters[size:], inputs)[:, 0]

    def lower(self, parameters: list[Any], observations: Any, actions: Any) -> Any:
        """Returns the lower of both values, `[B]`."""
        return ops.minimum(*self(parameters, observations, actions))

    def loss(self, parameters: list[Any], observations: Any, actions: Any, targets: Any) -> tuple[Any, Any]:
        """Returns the sum of both mean squared errors, and the mean value of the first critic."""
        first, second = self(parameters, observations, actions)
        return ops.mean(ops.square(first - targets)) + ops.mean(ops.square(second - targets)), ops.mean(first)


def polyak(target: list[Any], online: list[Any], tau: float) -> list[Any]:
    """Returns `target` moved towards `online` by the share `tau`."""
    return [old + tau * (new - old) for old, new in zip(target, online, strict=True)]


class Burst:
    """Keeps everything that training changes, and changes it by k updates in one compiled call.

    Args:
        engine: Backend and device.
        step: `step(state, batch) -> (state, statistics)`, one update; pure. Statistics are scalars, stacked.
        state: Initial state, nested tuples and lists of NumPy arrays.
        statistics: Names of the statistics.
    """

    def __init__(self, engine: Engine, step: Step, state: Any, statistics: Sequence[str]) -> None:
        self._engine, self._names = engine, tuple(statistics)
        self.state = engine.put(state)
        """Tensors on the device, never changed in place."""

        def add(carry: tuple[Any, Any], batch: tuple[Any, ...]) -> tuple[Any, Any]:
            state, totals = carry
            state, values = step(state, batch)
            return state, totals + values

        self._fold = engine.fold(add)

    def compile(self, batches: tuple[Array, ...]) -> None:
        """Compiles `update` for the shapes of these batches, and leaves no trace."""
        state = self.state
        self.update(batches)
        self.state = state

    def update(self, batches: tuple[Array, ...]) -> dict[str, float]:
        """Makes one update on each of k minibatches `[k, ...]`; returns the means of the statistics.

        Raises:
            TrainingDiverged: if one of these means is not finite.
        """
        carry = (self.state, self._engine.feed(np.zeros(len(self._names), np.float32)))
        self.state, totals = self._fold(carry, batches)
        return finite_means(self._names, self._engine.get(totals), len(batches[0]))

    def save(self, path: Path) -> None:
        """Writes the state to `path` (npz)."""
        arrays: list[Array] = keras.tree.flatten(self._engine.get(self.state))
        write_arrays(path, {str(index): array for index, array in enumerate(arrays)})

    def restore(self, path: Path) -> None:
        """Takes over what `save` wrote."""
        arrays = read_arrays(path)
        flat = [arrays[str(index)] for index in range(len(arrays))]
        self.state = self._engine.put(keras.tree.pack_sequence_as(self.state, flat))
