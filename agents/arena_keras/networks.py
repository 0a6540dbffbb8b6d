"""Feed-forward Keras networks, evaluated on parameters that the caller holds, and their export as a `PolicyNetwork`."""

from typing import Any

import gymnasium as gym
import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

from arena.agent.hyperparameters import InitialWeights, NetworkConfig
from arena.agent.networks import network_sizes
from arena.environments.images import largest_values
from arena.environments.spaces import ILLEGAL_SCORE, ImageAndNumbers, MaskedBox, network_shape
from arena.errors import ArenaError
from arena.policies.onnx_network import Conv, Dense, initial_weights, network_layers, orthogonal_weights
from arena_keras.engine import convolves_slowly
from arena_keras.patch_convolution import PatchConv2D

Array = npt.NDArray[Any]


class Network:
    """Convolutions for images, then dense layers, the last one linear.

    Args:
        observation_space: flat or image-shaped Box; images of bytes are divided by their largest values. Of a `MaskedBox` the layers read
            the features. Numbers behind an image (`ImageAndNumbers`) join it after the convolutions.
        num_outputs: units of the last layer.
        config: sizes and activation.
        scores_actions: whether the outputs are scores of actions, so that those forbidden by a `MaskedBox` become `ILLEGAL_SCORE`.

    Raises:
        ArenaError: if `conv_layers` do not fit the image.
    """

    def __init__(self, observation_space: gym.spaces.Box, num_outputs: int, config: NetworkConfig, *, scores_actions: bool = False) -> None:
        shape = network_shape(observation_space)
        self._split = observation_space if isinstance(observation_space, ImageAndNumbers) else None
        self._space = observation_space
        self._num_features = observation_space.num_features if isinstance(observation_space, MaskedBox) else None
        self._scores_actions = scores_actions
        self._largest = largest_values(observation_space)
        self._config, self._sizes = config, network_sizes(config, shape)
        zeros = {"kernel_initializer": "zeros"}  # never used: see initial_parameters
        stack: list[Any] = [keras.Input(shape)]
        if len(shape) == 3:
            convolution = PatchConv2D if convolves_slowly() else layers.Conv2D
            for filters, size, stride in self._sizes.conv_layers:
                stack.append(convolution(filters, size, stride, "valid", "channels_last", activation="relu", **zeros))
            stack.append(layers.Flatten("channels_last"))
        dense = [layers.Dense(size, activation=config.activation, **zeros) for size in self._sizes.hidden_sizes]
        dense.append(layers.Dense(num_outputs, **zeros))
        try:
            self._model = keras.Sequential(stack + dense) if self._split is None else _joined(stack, self._split.num_numbers, dense)
        except ValueError as error:  # Keras says so when a kernel is larger than its input
            raise ArenaError(f"conv_layers={self._sizes.conv_layers} do not fit observations {shape}: {error}") from error
        self.num_parameters = len(self._model.trainable_variables)
        """Arrays, two for each layer: kernel and bias."""

    def __call__(self, parameters: list[Any], observations: Any) -> Any:
        """Returns outputs `[N, num_outputs]` for `observations` `[N, *obs]`."""
        observations = ops.cast(observations, "float32")
        if self._largest is not None:
            observations = observations / (self._largest if isinstance(self._largest, float) else ops.convert_to_tensor(self._largest))
        if self._split is not None:
            image, numbers = observations[:, : self._split.num_pixels], observations[:, self._split.num_pixels :]
            parts = [ops.reshape(image, (-1, *self._split.image_shape)), numbers]
            outputs, _ = self._model.stateless_call(parameters, [], parts)
            return outputs
        if self._num_features is None:
            outputs, _ = self._model.stateless_call(parameters, [], observations)
            return outputs
        outputs, _ = self._model.stateless_call(parameters, [], observations[:, : self._num_features])
        return forbid(self._space, observations, outputs) if self._scores_actions else outputs

    def initial_parameters(
        self, rng: np.random.Generator, *, rule: InitialWeights = "uniform", last_kernel_scale: float = 1.0
    ) -> list[Array]:
        """Draws parameters by `arena.policies.onnx_network.initial_weights` or `orthogonal_weights`.

        Args:
            rng: Generator of the draws.
            rule: Name of the function, `"uniform"` or `"orthogonal"`.
            last_kernel_scale: Multiplies the kernel of the last layer.
        """
        shapes = [kernel.shape for kernel in self._model.trainable_variables[::2]]
        parameters = initial_weights(shapes, rng) if rule == "uniform" else orthogonal_weights(shapes, rng, output_gain=1.0)
        parameters[-2] = parameters[-2] * np.float32(last_kernel_scale)
        return parameters

    def policy_layers(self, parameters: list[Array]) -> list[Dense | Conv]:
        """Returns the layers of a `PolicyNetwork` with these parameters."""
        return network_layers(parameters, self._config.activation, (stride for _, _, stride in self._sizes.conv_layers))


def _joined(convolutions: list[Any], num_numbers: int, dense: list[Any]) -> Any:
    """Returns the model of an image and of numbers that join it after its convolutions."""
    image, numbers = keras.Input(convolutions[0].shape[1:]), keras.Input((num_numbers,))
    x = image
    for layer in convolutions[1:]:
        x = layer(x)
    x = layers.Concatenate(axis=-1)([x, numbers])
    for layer in dense:
        x = layer(x)
    return keras.Model([image, numbers], x)


def forbid(observation_space: gym.spaces.Box, observations: Any, scores: Any) -> Any:
    """Returns scores of actions `[N, A]` in which those that observations of a `MaskedBox` forbid are `ILLEGAL_SCORE`."""
    if not isinstance(observation_space, MaskedBox):
        return scores
    return ops.where(observations[:, observation_space.num_features :] > 0.5, scores, ILLEGAL_SCORE)
