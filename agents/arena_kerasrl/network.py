"""The network of both agents: a tf_keras model, its initial weights, and the same weights as a policy network."""

from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from tf_keras import layers, models

from arena.agent.hyperparameters import NetworkConfig
from arena.policies.policy_network import Conv, Dense, PolicyNetwork, initial_weights

Array = npt.NDArray[Any]


def make_model(observation_space: gym.spaces.Box, num_actions: int, config: NetworkConfig, rng: np.random.Generator) -> models.Sequential:
    """Returns a model from `float32 [N, 1, *obs]` (keras-rl2 gives each state a window axis, here of length one) to `[N, A]`."""
    shape = observation_space.shape
    stack = [layers.Reshape(shape, input_shape=(1, *shape))]
    if len(shape) == 3:
        stack += [layers.Conv2D(filters, size, strides=stride, activation="relu") for filters, size, stride in config.conv_layers]
        stack += [layers.Flatten()]
    stack += [layers.Dense(size, activation=config.activation) for size in config.hidden_sizes]
    model = models.Sequential([*stack, layers.Dense(num_actions)])
    model.set_weights(initial_weights((kernel.shape for kernel in model.get_weights()[::2]), rng))
    return model


def prepare(observations: Array) -> Array:
    """Returns `float32 [N, 1, *obs]` as the model takes it; images of integer type are divided by 255."""
    x = np.asarray(observations, np.float32)
    if np.issubdtype(observations.dtype, np.integer):
        x = x / np.float32(255.0)
    return x[:, None]


def policy_network(
    weights: list[Array], observation_space: gym.spaces.Box, action_space: gym.spaces.Discrete, config: NetworkConfig
) -> PolicyNetwork:
    """Returns the network with `weights` (kernel, bias, kernel, bias, …) as plain arrays."""
    pairs = list(zip(weights[::2], weights[1::2], strict=True))
    num_convolutions = len(config.conv_layers) if len(observation_space.shape) == 3 else 0
    convolutions = [Conv(*pair, stride) for pair, (_, _, stride) in zip(pairs[:num_convolutions], config.conv_layers, strict=False)]
    hidden = [Dense(*pair, config.activation) for pair in pairs[num_convolutions:-1]]
    return PolicyNetwork([*convolutions, *hidden, Dense(*pairs[-1])], observation_space, action_space)
