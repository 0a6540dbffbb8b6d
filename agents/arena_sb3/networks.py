"""The arena's networks as Stable-Baselines3 makes them: options of its policies, and a features extractor for images of any size."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from arena.agent.hyperparameters import NetworkConfig
from arena.agent.networks import network_sizes
from arena.environments.images import largest_values
from arena.environments.spaces import network_shape

_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}


class ImageExtractor(BaseFeaturesExtractor):
    """Convolutions without padding, each with relu, over images that arrive flattened.

    SB3's own `NatureCNN` has fixed layers, takes bytes in 0..255 alone, and guesses from a shape where the channels are.

    Args:
        observation_space: Flattened space, `[H * W * C]`, or with D numbers behind the image `[H * W * C + D]`.
        image_space: Space `[H, W, C]` of the images, or `ImageAndNumbers`; those of bytes are divided by their largest values.
        conv_layers: Filters, kernel size and stride of each convolution.
    """

    def __init__(self, observation_space: gym.spaces.Box, image_space: gym.spaces.Box, conv_layers: Sequence[tuple[int, int, int]]) -> None:
        height, width, channels = shape = network_shape(image_space)
        num_pixels = height * width * channels
        convolutions: list[nn.Module] = []
        for filters, size, stride in conv_layers:
            convolutions += [nn.Conv2d(channels, filters, size, stride), nn.ReLU()]
            height, width, channels = (height - size) // stride + 1, (width - size) // stride + 1, filters
        super().__init__(observation_space, height * width * channels + observation_space.shape[0] - num_pixels)
        largest = largest_values(image_space)
        self.convolutions = nn.Sequential(*convolutions)
        self.register_buffer("scale", torch.as_tensor(1.0 if largest is None else 1.0 / np.float32(largest)), persistent=False)
        self._shape, self._num_pixels = shape, num_pixels

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Returns features `[N, F]`, in the order `[H, W, C]`, for flattened images `[N, H * W * C]`.

        With D numbers behind each image, `[N, H * W * C + D]`, these follow the features: `[N, F + D]`.
        """
        images = observations[:, : self._num_pixels].reshape(-1, *self._shape) * self.scale
        features: torch.Tensor = self.convolutions(images.permute(0, 3, 1, 2))
        features = features.permute(0, 2, 3, 1).flatten(1)
        if observations.shape[1] == self._num_pixels:
            return features
        return torch.cat([features, observations[:, self._num_pixels :]], dim=1)


def policy_options(config: NetworkConfig, space: gym.spaces.Box) -> dict[str, Any]:
    """Returns SB3's `policy_kwargs` for the network of `config` over the observations of one environment."""
    sizes = network_sizes(config, network_shape(space))
    options: dict[str, Any] = {
        "net_arch": list(sizes.hidden_sizes),
        "activation_fn": _ACTIVATIONS[config.activation],
        "optimizer_kwargs": {"eps": config.adam_epsilon},
    }
    if len(network_shape(space)) == 3:
        options["features_extractor_class"] = ImageExtractor
        options["features_extractor_kwargs"] = {"image_space": space, "conv_layers": sizes.conv_layers}
    return options
