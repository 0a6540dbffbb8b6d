"""Feed-forward policy networks as plain arrays: a NumPy forward pass to act with, and an ONNX file to keep.

An adapter hands over its framework's weights. For networks of this size the NumPy pass is faster than any framework's call,
and the file takes milliseconds to write and needs no converter.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import onnx

from arena.environments.choices import Choosing, best_actions, head_sizes
from arena.environments.images import largest_values
from arena.environments.spaces import ImageAndNumbers, MaskedBox, scale_actions
from arena.errors import ArenaError
from arena.formats.json import write_bytes
from arena.policies.onnx_graph import GraphWriter

Array = npt.NDArray[Any]
Activation = Literal["linear", "relu", "tanh"]

_NUMPY_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0.0, out=x),
    "tanh": lambda x: np.tanh(x, out=x),
}
_ONNX_ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh"}


@dataclasses.dataclass(frozen=True, slots=True)
class Dense:
    """Dense layer: `activation(x @ kernel + bias)`."""

    kernel: Array
    """`float32 [inputs, outputs]`"""
    bias: Array
    """`float32 [outputs]`"""
    activation: Activation = "linear"


@dataclasses.dataclass(frozen=True, slots=True)
class Conv:
    """Convolution over `[N, H, W, C]`, without padding."""

    kernel: Array
    """`float32 [height, width, inputs, outputs]`"""
    bias: Array
    """`float32 [outputs]`"""
    stride: int
    activation: Activation = "relu"


@dataclasses.dataclass(frozen=True, slots=True)
class LayerNorm:
    """Layer normalisation (Ba et al., 2016, arXiv:1607.06450) over the features: `activation((x - mean) / std * scale + bias)`."""

    scale: Array
    """`float32 [features]`"""
    bias: Array
    """`float32 [features]`"""
    epsilon: float = 1e-5
    """Number added to the variance; PyTorch's and Flax's default are 1e-5 and 1e-6, Keras' is 1e-3."""
    activation: Activation = "linear"

    def __call__(self, x: Array) -> Array:
        """Returns `[N, features]`, before the activation."""
        centred = x - x.mean(-1, keepdims=True)
        normal = centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + np.float32(self.epsilon))
        return np.asarray(normal * self.scale + self.bias, np.float32)


class PolicyNetwork:
    """A stack of layers from observations to action scores, and the greedy action on top.

    Images of bytes are divided by their largest values first (`arena.environments.images.largest_values`). Convolutions come before dense
    layers; between them the `[H, W, C]` axes are flattened in that order, and numbers that stand behind an image (`ImageAndNumbers`) join
    it. A `LayerNorm` may stand before or after any dense layer. Of a `MaskedBox` the layers read the features only, and actions that its
    mask forbids score `ILLEGAL_SCORE`: they are never chosen, here as in the ONNX file.

    Args:
        layers: at least one dense layer; the last one is linear, or has tanh where scores are to stay within [-1, 1].
        observation_space: flat (with or without a mask) or image-shaped Box of one environment.
        action_space: Discrete or MultiDiscrete, counting from zero, or a one-axis Box. Several choices have scores of their own, one choice
            after the other; for a Box the scores are the actions before scaling.
        support: `[atoms]` for a distributional head (Bellemare et al., 2017): the last layer then gives `[A * atoms]` logits
            and a score is the mean under their softmax.
        squashed: for a Box, whether scores in [-1, 1] span `low..high`, or are actions already; both are clipped to the bounds.

    Raises:
        ArenaError: if a `LayerNorm` stands among convolutions.
    """

    def __init__(
        self,
        layers: Sequence[Dense | Conv | LayerNorm],
        observation_space: gym.spaces.Box,
        action_space: Choosing | gym.spaces.Box,
        *,
        support: Array | None = None,
        squashed: bool = False,
    ) -> None:
        self.layers = tuple(layers)
        behind = next((layer for layer in self.layers if not isinstance(layer, Conv)), None)  # what stands after the convolutions
        if isinstance(self.layers[0], Conv) and isinstance(behind, LayerNorm):
            raise ArenaError("a policy network takes a LayerNorm before or after a dense layer, not among or right after convolutions")
        self.observation_space = observation_space
        self.action_space = action_space
        self.support = None if support is None else np.asarray(support, np.float32)
        self.squashed = squashed
        self._largest = largest_values(observation_space)

    def scores(self, observations: Array) -> Array:
        """Returns action scores `float32 [N, A]` (values, logits or unscaled actions) for `observations` `[N, *obs]`."""
        x = np.asarray(observations, np.float32)
        if isinstance(self.observation_space, MaskedBox):
            x, _ = self.observation_space.split(x)
        if self._largest is not None:
            x = x / np.float32(self._largest)
        numbers: Array | None = None
        if isinstance(self.observation_space, ImageAndNumbers):
            x, numbers = self.observation_space.split(x)
        for layer in self.layers:
            if numbers is not None and not isinstance(layer, Conv):
                x, numbers = np.concatenate([x.reshape(len(x), -1), numbers], axis=1), None
            if isinstance(layer, Conv):
                x = _convolve(x, layer.kernel, layer.stride) + layer.bias
            elif isinstance(layer, LayerNorm):
                x = layer(x if x.ndim == 2 else x.reshape(len(x), -1))
            else:
                x = (x if x.ndim == 2 else x.reshape(len(x), -1)) @ layer.kernel
                x += layer.bias
            x = _NUMPY_ACTIVATIONS[layer.activation](x)
        if self.support is not None:
            logits = x.reshape(len(x), -1, len(self.support))  # [N, A, atoms]
            weights = np.exp(logits - logits.max(-1, keepdims=True))
            x = (weights @ self.support) / weights.sum(-1)
        if isinstance(self.observation_space, MaskedBox):
            x = self.observation_space.mask_scores(x, observations)
        return x

    def actions(self, observations: Array) -> Array:
        """Returns greedy actions `[N, *act]` for `observations` `[N, *obs]`."""
        return self.greedy(self.scores(observations))

    def greedy(self, scores: Array) -> Array:
        """Returns greedy actions `[N, *act]` for scores `[N, A]`."""
        if isinstance(self.action_space, gym.spaces.Box):
            return self.scale_actions(scores)
        return best_actions(scores, head_sizes(self.action_space))

    def scale_actions(self, scores: Array) -> Array:
        """Maps scores `[N, A]` to actions within the bounds of a Box action space."""
        space = self.action_space
        assert isinstance(space, gym.spaces.Box)
        if self.squashed:
            return scale_actions(space, scores)
        return np.asarray(np.clip(scores, space.low, space.high), np.float32)

    def export(self, path: Path) -> None:
        """Writes the network as an ONNX policy file, atomically.

        It doesn't wait for the disk: most policies of a run are evaluated and deleted; one that is kept is written again, with metadata.
        """
        write_bytes(path, self.to_onnx().SerializeToString(), durable=False)

    def to_onnx(self) -> onnx.ModelProto:
        """Returns the ONNX model: `observations` `[N, *obs]` -> `actions` `[N, *act]`, `action_scores` `[N, A]`."""
        graph = GraphWriter(self.observation_space, self.action_space)
        x, numbers = graph.features(divisor=self._largest), ""
        if isinstance(self.observation_space, ImageAndNumbers):
            x, numbers = graph.image_and_numbers(x, self.observation_space)
        convolutional = isinstance(self.layers[0], Conv)
        if convolutional:
            x = graph.node("Transpose", x, perm=[0, 3, 1, 2])
        for layer in self.layers:
            if isinstance(layer, Conv):
                kernel, bias = graph.constant(layer.kernel.transpose(3, 2, 0, 1)), graph.constant(layer.bias)
                x = graph.node("Conv", x, kernel, bias, strides=[layer.stride] * 2)
            else:
                if convolutional:
                    x, convolutional = graph.node("Transpose", x, perm=[0, 2, 3, 1]), False
                    x = graph.node("Flatten", x, axis=1)
                    x = graph.node("Concat", x, numbers, axis=1) if numbers else x
                elif layer is self.layers[0] and len(self.observation_space.shape) > 1:
                    x = graph.node("Flatten", x, axis=1)
                if isinstance(layer, LayerNorm):
                    scale, bias = graph.constant(layer.scale), graph.constant(layer.bias)
                    x = graph.node("LayerNormalization", x, scale, bias, axis=-1, epsilon=layer.epsilon)
                else:
                    x = graph.node("Gemm", x, graph.constant(layer.kernel), graph.constant(layer.bias))
            if layer.activation != "linear":
                x = graph.node(_ONNX_ACTIVATIONS[layer.activation], x)
        if self.support is not None:
            x = graph.node("Reshape", x, graph.constant(np.array([0, -1, len(self.support)], np.int64)))
            x = graph.node("MatMul", graph.node("Softmax", x, axis=-1), graph.constant(self.support))
        return graph.model(x, squashed=self.squashed)


def network_layers(weights: Sequence[Array], activation: Activation, strides: Iterable[int]) -> list[Dense | Conv]:
    """Returns the layers of a feed-forward network: convolutions with relu, then dense layers, the last one linear.

    Args:
        weights: Kernel, bias, kernel, bias, … from input to output; a convolution's kernel has four axes.
        activation: Activation of the hidden dense layers.
        strides: Stride of each convolution.
    """
    layers: list[Dense | Conv] = []
    remaining = iter(strides)
    for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
        if kernel.ndim == 4:
            layers.append(Conv(kernel, bias, next(remaining)))
        else:
            is_last = 2 * len(layers) + 2 == len(weights)
            layers.append(Dense(kernel, bias, "linear" if is_last else activation))
    return layers


def squashed_mean(layers: Sequence[Dense | Conv], num_actions: int) -> list[Dense | Conv]:
    """Returns the layers of the greedy policy of a squashed Gaussian: tanh of its means.

    Args:
        layers: Layers of a network whose last one gives means, then log standard deviations, `[2 * num_actions]`.
        num_actions: Number of dimensions of an action.
    """
    *hidden, last = layers
    return [*hidden, Dense(last.kernel[:, :num_actions], last.bias[:num_actions], "tanh")]


def initial_weights(kernel_shapes: Iterable[Sequence[int]], rng: np.random.Generator) -> list[Array]:
    """Draws kernels and biases from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), PyTorch's rule for its dense and convolutional layers.

    One rule and one stream for all frameworks: with equal seeds, equal networks begin with equal weights.

    Args:
        kernel_shapes: Shape of each layer's kernel, from input to output, `[..., inputs, outputs]`.
        rng: Generator of the draws.

    Returns:
        Kernel, bias, kernel, bias, … as `float32`; biases are `[outputs]`.
    """
    weights: list[Array] = []
    for shape in kernel_shapes:
        bound = math.prod(shape[:-1]) ** -0.5
        weights += [rng.uniform(-bound, bound, size).astype(np.float32) for size in (tuple(shape), tuple(shape[-1:]))]
    return weights


def orthogonal_weights(kernel_shapes: Iterable[Sequence[int]], rng: np.random.Generator, *, output_gain: float) -> list[Array]:
    """Draws orthogonal kernels (Saxe et al., 2014, arXiv:1312.6120) times sqrt(2), and biases of zero, as published PPO agents begin.

    Different observations, such as frames of a game, then differ more in what a deep network gives for them than with `initial_weights`.

    Args:
        kernel_shapes: Shape of each layer's kernel, from input to output, `[..., inputs, outputs]`.
        rng: Generator of the draws.
        output_gain: Factor of the last kernel, instead of sqrt(2).

    Returns:
        Kernel, bias, kernel, bias, … as `float32`; biases are `[outputs]`.
    """
    weights: list[Array] = []
    for shape in kernel_shapes:
        rows, columns = math.prod(shape[:-1]), shape[-1]
        kernel, triangle = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
        kernel *= np.sign(np.diag(triangle))  # all orthogonal matrices are then equally likely (Mezzadri, 2007, arXiv:math-ph/0609050)
        kernel = kernel if rows >= columns else kernel.T
        weights += [kernel.reshape(shape).astype(np.float32) * np.float32(math.sqrt(2.0)), np.zeros(columns, np.float32)]
    weights[-2] *= np.float32(output_gain / math.sqrt(2.0))
    return weights


def _convolve(x: Array, kernel: Array, stride: int) -> Array:
    height, width = (int(size) for size in kernel.shape[:2])
    windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), (1, 2))  # type: ignore[call-overload]  # the stub takes one axis
    windows = windows[:, ::stride, ::stride]  # [N, H, W, C, h, w]
    return np.tensordot(windows, kernel.transpose(2, 0, 1, 3), axes=3)  # [N, H, W, outputs]
