"""Minimises a loss by Keras' Adam, k minibatches in one compiled call, on any backend.

Keras adds epsilon to the root of the *uncorrected* second moment (the "epsilon hat" of Kingma and Ba, 2015, section 2).
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from arena.agent.hyperparameters import NetworkConfig
from arena.errors import TrainingDiverged
from arena.formats.npz import read_arrays, write_arrays
from arena_keras.engine import Engine

Array = npt.NDArray[Any]
Loss = Callable[[list[Any], Any, tuple[Any, ...]], tuple[Any, tuple[Any, ...]]]


class LearnerState(NamedTuple):
    """Everything that an optimizer step changes."""

    parameters: list[Any]
    slots: list[Any]
    """Values of `keras.Optimizer.variables`: steps taken, learning rate, and Adam's moments."""


class Adam:
    """Keras' Adam as a pure function of its state.

    Args:
        engine: Backend and device.
        parameters: Initial parameters.
        config: Gives the learning rate, epsilon, and the largest norm of the gradients (0 for none).
    """

    def __init__(self, engine: Engine, parameters: list[Array], config: NetworkConfig) -> None:
        with engine.scope():
            variables = [keras.Variable(array) for array in parameters]
            optimizer = keras.optimizers.Adam(
                config.learning_rate, epsilon=config.adam_epsilon, global_clipnorm=config.max_gradient_norm or None
            )
            optimizer.build(variables)
        self.rate_index = [variable.name for variable in optimizer.variables].index("learning_rate")
        """Index of the learning rate in `LearnerState.slots`."""
        self.initial = LearnerState(parameters, [keras.ops.convert_to_numpy(variable) for variable in optimizer.variables])
        """State before the first step, in NumPy."""
        self._apply = engine.optimizer_step(optimizer, variables)

    def step(self, state: LearnerState, gradients: list[Any]) -> LearnerState:
        """Returns the state after one step; for use in a compiled program. PyTorch's tensors of `state` may change in place."""
        return LearnerState(*self._apply(state.slots, gradients, state.parameters))


class Learner:
    """Holds parameters and moves them.

    Args:
        engine: Backend and device.
        loss: `loss(parameters, constants, batch) -> (loss, statistics)`, all scalars.
        parameters: Initial parameters.
        statistics: names of the loss's statistics.
        config: gives the settings of Adam and the gradient's largest norm.
    """

    def __init__(self, engine: Engine, loss: Loss, parameters: list[Array], statistics: Sequence[str], config: NetworkConfig) -> None:
        self._engine = engine
        adam = Adam(engine, parameters, config)
        self._rate_index = adam.rate_index
        self._state: LearnerState = engine.put(adam.initial)
        self._names = ("loss", *statistics, "gradient_norm")
        gradients_of = engine.value_and_grad(loss)

        def step(carry: tuple[LearnerState, Any, Any], batch: tuple[Any, ...]) -> tuple[LearnerState, Any, Any]:
            state, constants, totals = carry
            (value, others), gradients = gradients_of(state.parameters, constants, batch)
            norm = ops.sqrt(sum(ops.sum(ops.square(gradient)) for gradient in gradients))
            state = adam.step(state, gradients)
            return state, constants, totals + ops.stack([value, *others, norm])

        self.step = step
        """`step((state, constants, totals), minibatch)`: one optimizer step, added to `totals`; pure, for use in a compiled program."""
        kernel_axes = {parameter.ndim for parameter in parameters}
        self._fold = engine.fold(step, convolutional=4 in kernel_axes)

    @property
    def state(self) -> LearnerState:
        """Tensors on the device; a program that used `step` puts its own here."""
        return self._state

    @state.setter
    def state(self, state: LearnerState) -> None:
        self._state = state

    @property
    def parameters(self) -> list[Any]:
        """Tensors on the device, in the order they came. They are never changed in place."""
        return self._state.parameters

    @property
    def zero_totals(self) -> Array:
        """Zeros for `step` to add to: one sum each of the loss, its statistics and the gradient's norm."""
        return np.zeros(len(self._names), np.float32)

    def with_learning_rate(self, state: LearnerState, learning_rate: Any) -> LearnerState:
        """Returns `state` with another learning rate, a float32 scalar."""
        slots = list(state.slots)
        slots[self._rate_index] = learning_rate
        return LearnerState(state.parameters, slots)

    def compile(self, batches: tuple[Array, ...], constants: Any = ()) -> None:
        """Compiles `update` for the shapes of these batches, and leaves no trace."""
        state = self._state
        self.update(batches, 0.0, constants)
        self._state = state

    def update(self, batches: tuple[Array, ...], learning_rate: float, constants: Any = ()) -> dict[str, float]:
        """Makes one optimizer step on each of k minibatches `[k, B, ...]`.

        Args:
            batches: k minibatches.
            learning_rate: Learning rate of these steps.
            constants: tensors for the loss.

        Returns:
            The means of the loss, its statistics and the gradient's norm before clipping.

        Raises:
            TrainingDiverged: if one of these means is not finite; with a gradient that is not, its norm is not.
        """
        state = self.with_learning_rate(self._state, self._engine.feed(np.asarray(learning_rate, np.float32)))
        totals = self._engine.feed(self.zero_totals)
        self._state, _, totals = self._fold((state, constants, totals), batches)
        return self.means(totals, len(batches[0]))

    def means(self, totals: Any, num_steps: int) -> dict[str, float]:
        """Returns what `num_steps` steps added to `totals`, as means by name; raises as `update`."""
        return finite_means(self._names, self._engine.get(totals), num_steps)

    def save(self, path: Path) -> None:
        """Writes parameters and optimizer state to `path` (npz)."""
        state: LearnerState = self._engine.get(self._state)
        write_arrays(path, {f"{name}_{index}": array for name in state._fields for index, array in enumerate(getattr(state, name))})

    def restore(self, path: Path) -> None:
        """Takes over what `save` wrote."""
        arrays = read_arrays(path)
        lists = ([arrays[f"{name}_{index}"] for index in range(len(getattr(self._state, name)))] for name in LearnerState._fields)
        self._state = self._engine.put(LearnerState(*lists))


def finite_means(names: Sequence[str], totals: Array, num_steps: int) -> dict[str, float]:
    """Returns `totals / num_steps` by name.

    Raises:
        TrainingDiverged: if one of them is not finite.
    """
    found = dict(zip(names, map(float, totals / num_steps), strict=True))
    for name, value in found.items():
        if not math.isfinite(value):
            raise TrainingDiverged(f"{name} is {value}; try a smaller learning_rate")
    return found
