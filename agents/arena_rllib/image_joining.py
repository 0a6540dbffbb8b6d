"""An image with numbers behind it (`arena.environments.spaces.ImageAndNumbers`) as RLlib's catalogs take it.

RLlib has an encoder for images and one for vectors, and stacks of them for Dict observations with dense layers of its own in between. Here
numbers join what the convolutions give, as in the other frameworks; the dense layers are those of RLlib's heads.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import torch
from ray.rllib.algorithms.dqn.dqn_catalog import DQNCatalog
from ray.rllib.algorithms.ppo.ppo_catalog import PPOCatalog
from ray.rllib.core.columns import Columns
from ray.rllib.core.models.base import ENCODER_OUT, Encoder
from ray.rllib.core.models.configs import ModelConfig
from ray.rllib.core.models.torch.base import TorchModel

from arena.environments.spaces import ImageAndNumbers


@dataclasses.dataclass
class ImageJoiningConfig(ModelConfig):
    """Sizes of an `ImageJoiningEncoder`."""

    image_shape: Sequence[int] = ()
    """`[H, W, C]`"""
    num_numbers: int = 0
    """D, the number of numbers behind the image."""
    conv_layers: Sequence[Sequence[Any]] = ()
    """Filters, kernel size and stride of each convolution, without padding and with relu; RLlib's `conv_filters`."""

    @property
    def output_dims(self) -> tuple[int]:
        """Number of features that the convolutions leave, plus D."""
        height, width, channels = self.image_shape
        for filters, size, stride, *_ in self.conv_layers:
            height, width, channels = (height - size) // stride + 1, (width - size) // stride + 1, filters
        return (height * width * channels + self.num_numbers,)

    def build(self, framework: str = "torch") -> "ImageJoiningEncoder":
        """Returns the encoder."""
        assert framework == "torch"
        return ImageJoiningEncoder(self)


class ImageJoiningEncoder(TorchModel, Encoder):
    """Convolutions over the image of observations `[N, P + D]`, and the D numbers behind what they give."""

    def __init__(self, config: ImageJoiningConfig) -> None:
        TorchModel.__init__(self, config)
        Encoder.__init__(self, config)
        channels, layers = config.image_shape[2], []
        for filters, size, stride, *_ in config.conv_layers:
            layers += [torch.nn.Conv2d(channels, filters, size, stride), torch.nn.ReLU()]
            channels = filters
        self.convolutions = torch.nn.Sequential(*layers)
        self._shape = tuple(config.image_shape)

    def _forward(self, inputs: Mapping[str, torch.Tensor], **_: Any) -> dict[str, torch.Tensor]:
        observations = inputs[Columns.OBS]
        split = math.prod(self._shape)
        images = observations[:, :split].reshape(-1, *self._shape).permute(0, 3, 1, 2)
        features = self.convolutions(images).permute(0, 2, 3, 1).flatten(1)  # in the order [H, W, C]
        return {ENCODER_OUT: torch.cat([features, observations[:, split:]], dim=1)}


class _Joining:
    """Gives a catalog the encoder of an image with numbers behind it."""

    @classmethod
    def _get_encoder_config(
        cls, observation_space: gym.Space[Any], model_config_dict: Mapping[str, Any], action_space: gym.Space[Any] | None = None
    ) -> ImageJoiningConfig:
        del action_space
        assert isinstance(observation_space, ImageAndNumbers)
        return ImageJoiningConfig(
            image_shape=observation_space.image_shape,
            num_numbers=observation_space.num_numbers,
            conv_layers=model_config_dict["conv_filters"],
        )


class JoiningPPOCatalog(_Joining, PPOCatalog):
    """RLlib's catalog of PPO for an image with numbers behind it."""


class JoiningDQNCatalog(_Joining, DQNCatalog):
    """RLlib's catalog of DQN for an image with numbers behind it."""
