"""Policies from Keras models, of Keras 3 on any backend or of `tf_keras`: a chain of layers, each of which is written."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.policies.conversion.conversion import Conversion, refusal
from arena.policies.policy import OnnxPolicy

Array = npt.NDArray[Any]

_SAME = ("InputLayer", "Dropout", "GaussianNoise", "ActivityRegularization")
_POOLS = {"MaxPooling2D": "MaxPool", "AveragePooling2D": "AveragePool"}


def from_keras(
    model: Any, path: Path | str, *, observation_space: gym.Space[Any], action_space: gym.Space[Any], squashed: bool = False
) -> OnnxPolicy:
    """Writes a Keras model as a policy file, and returns the policy.

    Args:
        model: Sequential model, or a functional one whose layers form a chain, from observations `[N, *obs]` (images `[N, H, W, C]`) to
            action scores `[N, A]`: values, logits, or actions of a Box.
        path: File to write.
        observation_space: Observations of the environment.
        action_space: Actions of the environment.
        squashed: For a Box, whether outputs in [-1, 1] span the bounds, or are actions already.

    Raises:
        ArenaError: If a layer cannot be written, or the file does not give what the model gives; says which.
    """
    conversion = Conversion(f"Keras model {getattr(model, 'name', type(model).__name__)!r}", observation_space, action_space)
    walk = _Walk(conversion)
    for layer in _chain(model, conversion.what):
        walk.add(layer)
    source = f"{type(model).__module__.partition('.')[0]}, {type(model).__name__}"
    return conversion.finish(walk.flat(), lambda x: _predict(model, x), path, squashed=squashed, source=source)


def _predict(model: Any, features: Array) -> Array:
    output = model(np.asarray(features, np.float32))
    return np.asarray(output.detach().cpu() if hasattr(output, "detach") else output)


def _chain(model: Any, what: str) -> list[Any]:
    """Returns the layers in their order, those of models inside too."""
    layers: list[Any] = []
    for layer in model.layers:
        if layers and type(model).__name__ != "Sequential" and layer.input is not layers[-1].output:
            raise refusal(what, f"layer {layer.name!r} does not take what {layers[-1].name!r} gives; only a chain of layers can be written")
        layers += _chain(layer, what) if hasattr(layer, "layers") else [layer]
    return layers


class _Walk:
    """The walk through a chain of layers. Images are written with their channels first, as ONNX has them."""

    def __init__(self, conversion: Conversion) -> None:
        self._conversion, self._node = conversion, conversion.graph.node
        self._x = conversion.graph.features()
        self._is_image = conversion.is_image
        if self._is_image:
            self._x = self._node("Transpose", self._x, perm=[0, 3, 1, 2])

    def flat(self) -> str:
        """Returns the name of the output."""
        if self._is_image:
            raise refusal(self._conversion.what, "it gives images; end it with Flatten and Dense layers")
        return self._x

    def add(self, layer: Any) -> None:
        """Writes one layer.

        Raises:
            NotConverted: If it cannot be written.
        """
        kind, what, config = type(layer).__name__, self._conversion.what, layer.get_config()
        if kind in _SAME:
            return
        write = getattr(self, f"_write_{'pool' if kind in _POOLS else kind.lower()}", None)
        if write is None:
            raise refusal(what, f"layer {layer.name!r} is a {kind}, which is not among those that can be written")
        if config.get("data_format", "channels_last") != "channels_last":
            raise refusal(what, f"layer {layer.name!r} has its channels first; the arena's images have them last")
        activation = config.get("activation")
        if activation is not None and not isinstance(activation, str):
            raise refusal(what, f"the activation of layer {layer.name!r} is no function of Keras with a name")
        write(layer)
        if activation is not None:
            self._x = self._conversion.activate(activation, self._x)

    def _write_dense(self, layer: Any) -> None:
        if self._is_image:
            raise refusal(self._conversion.what, f"layer {layer.name!r} is dense over the channels of images; put Flatten before it")
        weights = _weights(layer)
        self._x = self._node("MatMul", self._x, weights[0])
        if len(weights) == 2:
            self._x = self._node("Add", self._x, weights[1])

    def _write_conv2d(self, layer: Any) -> None:
        config, weights = layer.get_config(), _weights(layer)
        kernel = weights[0].transpose(3, 2, 0, 1)
        bias = weights[1] if len(weights) == 2 else np.zeros(len(kernel), np.float32)
        sizes: dict[str, Any] = {"strides": list(config["strides"]), "dilations": list(config["dilation_rate"])}
        self._x = self._node("Conv", self._x, kernel, bias, group=config.get("groups", 1), **sizes, **_padding(config))

    def _write_pool(self, layer: Any) -> None:
        config = layer.get_config()
        sizes: dict[str, Any] = {"kernel_shape": list(config["pool_size"]), "strides": list(config["strides"] or config["pool_size"])}
        self._x = self._node(_POOLS[type(layer).__name__], self._x, **sizes, **_padding(config))

    def _write_flatten(self, _: Any) -> None:
        if self._is_image:
            self._x, self._is_image = self._node("Transpose", self._x, perm=[0, 2, 3, 1]), False
        self._x = self._node("Flatten", self._x, axis=1)

    def _write_activation(self, _: Any) -> None:
        """Writes nothing: `add` writes the activation of every layer."""

    def _write_relu(self, layer: Any) -> None:
        config = layer.get_config()
        if config.get("max_value") is not None or config.get("threshold") or config.get("negative_slope"):
            raise refusal(self._conversion.what, f"layer {layer.name!r} is a ReLU with a slope, a threshold or a largest value")
        self._x = self._node("Relu", self._x)

    def _write_rescaling(self, layer: Any) -> None:
        config = layer.get_config()
        scaled = self._node("Mul", self._x, np.float32(config["scale"]))
        self._x = self._node("Add", scaled, np.float32(config["offset"]))

    def _write_layernormalization(self, layer: Any) -> None:
        weights = _weights(layer)
        if self._is_image or len(weights) != 2:
            raise refusal(self._conversion.what, f"layer {layer.name!r} normalises images, or without scale and centre")
        self._x = self._node("LayerNormalization", self._x, *weights, axis=-1, epsilon=float(layer.get_config()["epsilon"]))


def _weights(layer: Any) -> list[Array]:
    return [np.asarray(weight, np.float32) for weight in layer.get_weights()]


def _padding(config: dict[str, Any]) -> dict[str, Any]:
    return {"auto_pad": "SAME_UPPER"} if config["padding"] == "same" else {}
