"""Keras' convolution as one product of matrices, for backends whose own is slow.

On a CPU, XLA's convolutions take ten times as long inside a compiled loop as outside, and the updates of a burst are such a loop.
"""

from typing import Any

from keras import layers, ops


class PatchConv2D(layers.Conv2D):
    """A convolution without padding over `[N, H, W, C]` that multiplies patches of the image by the kernel; `layers.Conv2D` otherwise."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Returns the convolution of `inputs` `[N, H, W, C]` with `kernel` `[h, w, C, F]`, before the bias."""
        stride = self.strides[0]
        if stride > 1 and kernel.shape[0] % stride == 0 and kernel.shape[1] % stride == 0:
            # Blocks of stride x stride pixels become channels: fewer and longer slices make up a patch.
            inputs, kernel = _blocks_of_image(inputs, stride, kernel.shape), _blocks_of_kernel(kernel, stride)
            stride = 1
        height, width, channels, filters = kernel.shape
        last_row, last_column = (
            (size - length) // stride * stride for size, length in zip(inputs.shape[1:3], (height, width), strict=True)
        )
        slices = [
            inputs[:, row : row + last_row + 1 : stride, column : column + last_column + 1 : stride]
            for row in range(height)
            for column in range(width)
        ]
        return ops.matmul(ops.concatenate(slices, -1), ops.reshape(kernel, (height * width * channels, filters)))


def _blocks_of_image(image: Any, stride: int, kernel_shape: tuple[int, ...]) -> Any:
    """Returns `[N, H / s, W / s, s * s * C]` for an image `[N, H, W, C]`, less the rows and columns that no kernel looks at."""
    height, width = ((size - length) // stride + length // stride for size, length in zip(image.shape[1:3], kernel_shape[:2], strict=True))
    channels = image.shape[3]
    blocks = ops.reshape(image[:, : height * stride, : width * stride], (-1, height, stride, width, stride, channels))
    return ops.reshape(ops.transpose(blocks, (0, 1, 3, 2, 4, 5)), (-1, height, width, stride * stride * channels))


def _blocks_of_kernel(kernel: Any, stride: int) -> Any:
    """Returns `[h / s, w / s, s * s * C, F]` for a kernel `[h, w, C, F]`."""
    height, width, channels, filters = kernel.shape
    blocks = ops.reshape(kernel, (height // stride, stride, width // stride, stride, channels, filters))
    return ops.reshape(ops.transpose(blocks, (0, 2, 1, 3, 4, 5)), (height // stride, width // stride, stride * stride * channels, filters))
