"""The network of both agents: a tf_keras model, its initial weights, and the same weights as a policy network."""

from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from tf_keras import layers as keras_layers
from tf_keras import models

from arena.agent.hyperparameters import NetworkConfig
from arena.agent.networks import network_sizes
from arena.policies.onnx_network import PolicyNetwork, initial_weights, network_layers

Array = npt.NDArray[Any]


def make_model(observation_space: gym.spaces.Box, num_actions: int, config: NetworkConfig, rng: np.random.Generator) -> models.Sequential:
    """Returns a model from `float32 [N, 1, *obs]` (keras-rl2 gives each state a window axis, here of length one) to `[N, A]`."""
    shape = observation_space.shape
    sizes = network_sizes(config, shape)
    stack = [keras_layers.Reshape(shape, input_shape=(1, *shape))]
    if len(shape) == 3:
        stack += [keras_layers.Conv2D(filters, size, strides=stride, activation="relu") for filters, size, stride in sizes.conv_layers]
        stack += [keras_layers.Flatten()]
    stack += [keras_layers.Dense(size, activation=config.activation) for size in sizes.hidden_sizes]
    model = models.Sequential([*stack, keras_layers.Dense(num_actions)])
    model.set_weights(initial_weights((kernel.shape for kernel in model.get_weights()[::2]), rng))
    return model


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
    layers = network_layers(
        weights, config.activation, (stride for _, _, stride in network_sizes(config, observation_space.shape).conv_layers)
    )
    return PolicyNetwork(layers, observation_space, action_space)
