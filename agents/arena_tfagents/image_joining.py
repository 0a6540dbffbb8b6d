"""Convolutions over the image of `arena.environments.spaces.ImageAndNumbers`, as a layer before those of TF-Agents' networks."""

import math
from collections.abc import Sequence
from typing import Any

from arena.agent.hyperparameters import ConvLayer
from arena_tfagents.framework import tf


class ImageJoiningNumbers(tf.keras.layers.Layer):
    """Returns what convolutions make of an image, in the order `[H, W, C]`, and the numbers that stand behind it.

    Args:
        image_shape: `[H, W, C]`.
        conv_layers: Filters, kernel size and stride of each convolution, without padding and with relu.
        **kwargs: Keyword arguments of Keras' layer.
    """

    def __init__(self, image_shape: Sequence[int], conv_layers: Sequence[ConvLayer], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._shape, self._conv_layers = tuple(image_shape), tuple(map(tuple, conv_layers))
        self._convolutions = [tf.keras.layers.Conv2D(filters, size, stride, activation="relu") for filters, size, stride in conv_layers]

    def call(self, observations: tf.Tensor) -> tf.Tensor:
        """Returns `[N, F + D]` for observations `[N, P + D]`."""
        split = math.prod(self._shape)
        x = tf.reshape(observations[:, :split], (-1, *self._shape))
        for layer in self._convolutions:
            x = layer(x)
        return tf.concat([tf.reshape(x, (-1, math.prod(x.shape[1:]))), observations[:, split:]], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments: TF-Agents copies layers by them."""
        return {**super().get_config(), "image_shape": self._shape, "conv_layers": self._conv_layers}
