"""The network of both agents: a tf_keras model, its initial weights, and the same weights as a policy network."""

from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from tf_keras import layers as keras_layers
from tf_keras import models

from arena.agent.hyperparameters import NetworkConfig
from arena.agent.networks import network_sizes
from arena.environments.spaces import ImageAndNumbers, network_shape
from arena.policies.onnx_network import PolicyNetwork, initial_weights, network_layers

Array = npt.NDArray[Any]


def make_model(observation_space: gym.spaces.Box, num_actions: int, config: NetworkConfig, rng: np.random.Generator) -> models.Model:
    """Returns a model from `float32 [N, 1, *obs]` (keras-rl2 gives each state a window axis, here of length one) to `[N, A]`.

    It is made of tf_keras' own layers alone, since keras-rl2 copies models by their config.
    """
    sizes = network_sizes(config, network_shape(observation_space))
    convolutions = [keras_layers.Conv2D(filters, size, strides=stride, activation="relu") for filters, size, stride in sizes.conv_layers]
    dense = [keras_layers.Dense(size, activation=config.activation) for size in sizes.hidden_sizes]
    dense.append(keras_layers.Dense(num_actions))
    if isinstance(observation_space, ImageAndNumbers):
        model = _joined(observation_space, convolutions, dense)
    else:
        shape = observation_space.shape
        flatten = [keras_layers.Flatten()] if convolutions else []
        model = models.Sequential([keras_layers.Reshape(shape, input_shape=(1, *shape)), *convolutions, *flatten, *dense])
    model.set_weights(initial_weights((kernel.shape for kernel in model.get_weights()[::2]), rng))
    return model


def _joined(space: ImageAndNumbers, convolutions: list[Any], dense: list[Any]) -> models.Model:
    """Returns the model of an image and of numbers that join it after its convolutions."""
    observations = keras_layers.Input((1, *space.shape))
    columns = keras_layers.Reshape((space.shape[0], 1))(observations)
    x = keras_layers.Reshape(space.image_shape)(keras_layers.Cropping1D((0, space.num_numbers))(columns))
    for layer in convolutions:
        x = layer(x)
    numbers = keras_layers.Flatten()(keras_layers.Cropping1D((space.num_pixels, 0))(columns))
    x = keras_layers.Concatenate(axis=-1)([keras_layers.Flatten()(x), numbers])
    for layer in dense:
        x = layer(x)
    return models.Model(observations, x)


def prepare(observations: Array, largest: float | Array | None) -> Array:
    """Returns `float32 [N, 1, *obs]` as the model takes it.

    Args:
        observations: `[N, *obs]`
        largest: numbers that they are divided by (`arena.environments.images.largest_values`); None for none.
    """
    x = np.asarray(observations, np.float32)
    if largest is not None:
        x = x / np.float32(largest)
    return x[:, None]


def policy_network(
    weights: list[Array], observation_space: gym.spaces.Box, action_space: gym.spaces.Discrete, config: NetworkConfig
) -> PolicyNetwork:
    """Returns the network with `weights` (kernel, bias, kernel, bias, …) as plain arrays."""
    sizes = network_sizes(config, network_shape(observation_space))
    layers = network_layers(weights, config.activation, (stride for _, _, stride in sizes.conv_layers))
    return PolicyNetwork(layers, observation_space, action_space)
