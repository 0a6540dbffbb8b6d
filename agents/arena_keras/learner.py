"""Minimises a loss by Adam, k minibatches in one compiled call, on any backend.

Keras' own optimizers are not used: `stateless_apply` raises on TensorFlow, and they add epsilon to the root of the *uncorrected*
second moment (the "epsilon hat" of Kingma and Ba, 2015, section 2). This Adam places it as PyTorch does, on the corrected one.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from keras import ops

from arena.errors import TrainingDiverged
from arena.hyperparameters import NetworkConfig
from arena_keras.engine import Engine

Array = npt.NDArray[Any]
Loss = Callable[[list[Any], Any, tuple[Any, ...]], tuple[Any, tuple[Any, ...]]]

BETA_1, BETA_2 = 0.9, 0.999


class AdamState(NamedTuple):
    """Parameters and what Adam remembers of their gradients."""

    parameters: list[Any]
    first_moments: list[Any]
    second_moments: list[Any]
    count: Any
    """`int32 []`, steps taken."""


class Learner:
    """Holds parameters and moves them.

    Args:
        engine: computes.
        loss: `loss(parameters, constants, batch) -> (loss, statistics)`, all scalars.
        parameters: to begin with.
        statistics: names of the loss's statistics.
        config: gives Adam's epsilon and the gradient's largest norm.
    """

    def __init__(self, engine: Engine, loss: Loss, parameters: list[Array], statistics: Sequence[str], config: NetworkConfig) -> None:
        zeros = [np.zeros_like(array) for array in parameters]
        self._engine = engine
        self._state: AdamState = engine.put(AdamState(parameters, zeros, zeros, np.zeros((), np.int32)))
        self._names = ("loss", *statistics, "gradient_norm")
        gradients_of = engine.value_and_grad(loss)

        def step(carry: tuple[AdamState, Any, Any, Any], batch: tuple[Any, ...]) -> tuple[AdamState, Any, Any, Any]:
            state, learning_rate, constants, totals = carry
            (value, others), gradients = gradients_of(state.parameters, constants, batch)
            gradients, norm = clip_by_global_norm(gradients, config.max_gradient_norm)
            state = adam(state, gradients, learning_rate, config.adam_epsilon)
            return state, learning_rate, constants, totals + ops.stack([value, *others, norm])

        self._fold = engine.fold(step)

    @property
    def parameters(self) -> list[Any]:
        """Tensors on the device, in the order they came. They are never changed in place."""
        return self._state.parameters

    def compile(self, batches: tuple[Array, ...], constants: Any = ()) -> None:
        """Compiles `update` for the shapes of these batches, and leaves no trace."""
        state = self._state
        self.update(batches, 0.0, constants)
        self._state = state

    def update(self, batches: tuple[Array, ...], learning_rate: float, constants: Any = ()) -> dict[str, float]:
        """Makes one optimizer step on each of k minibatches `[k, B, ...]`.

        Args:
            batches: k minibatches.
            learning_rate: of these steps.
            constants: tensors for the loss.

        Returns:
            The means of the loss, its statistics and the gradient's norm before clipping.

        Raises:
            TrainingDiverged: if one of these means is not finite; with a gradient that is not, its norm is not.
        """
        scale = np.asarray(learning_rate, np.float32)
        carry = (self._state, self._engine.put(scale), constants, self._engine.put(np.zeros(len(self._names), np.float32)))
        self._state, _, _, totals = self._fold(carry, self._engine.put(batches))
        means = self._engine.get(totals) / len(batches[0])
        found = dict(zip(self._names, map(float, means), strict=True))
        for name, value in found.items():
            if not math.isfinite(value):
                raise TrainingDiverged(f"{name} is {value}; try a smaller learning_rate")
        return found

    def save(self, path: Path) -> None:
        """Writes parameters and optimizer state to `path` (npz)."""
        state: AdamState = self._engine.get(self._state)
        arrays = {f"{name}_{index}": array for name in AdamState._fields[:3] for index, array in enumerate(getattr(state, name))}
        save_arrays(path, {**arrays, "count": state.count})

    def restore(self, path: Path) -> None:
        """Takes over what `save` wrote."""
        arrays = load_arrays(path)
        indices = range(len(self.parameters))
        lists = ([arrays[f"{name}_{index}"] for index in indices] for name in AdamState._fields[:3])
        self._state = self._engine.put(AdamState(*lists, arrays["count"]))


def clip_by_global_norm(gradients: list[Any], max_norm: float) -> tuple[list[Any], Any]:
    """Scales gradients down to `max_norm` as `torch.nn.utils.clip_grad_norm_` does; returns them and their norm before."""
    norm = ops.sqrt(sum(ops.sum(ops.square(gradient)) for gradient in gradients))
    scale = ops.minimum(1.0, max_norm / (norm + 1e-6))
    return [gradient * scale for gradient in gradients], norm


def adam(state: AdamState, gradients: list[Any], learning_rate: Any, epsilon: float) -> AdamState:
    """Makes one step of Adam (Kingma and Ba, 2015, arXiv:1412.6980), epsilon placed as in PyTorch."""
    count = state.count + 1
    first = [BETA_1 * old + (1 - BETA_1) * gradient for old, gradient in zip(state.first_moments, gradients, strict=True)]
    second = [BETA_2 * old + (1 - BETA_2) * ops.square(gradient) for old, gradient in zip(state.second_moments, gradients, strict=True)]
    rate = learning_rate / _correction(BETA_1, count)
    root = ops.sqrt(_correction(BETA_2, count))
    parameters = [p - rate * m / (ops.sqrt(v) / root + epsilon) for p, m, v in zip(state.parameters, first, second, strict=True)]
    return AdamState(parameters, first, second, count)


def _correction(beta: float, count: Any) -> Any:
    return -ops.expm1(ops.cast(count, "float32") * math.log(beta))  # 1 - beta ** count, without the loss of digits


def save_arrays(path: Path, arrays: dict[str, Array]) -> None:
    """Writes arrays by name (npz)."""
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def load_arrays(path: Path) -> dict[str, Array]:
    """Returns what `save_arrays` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)
