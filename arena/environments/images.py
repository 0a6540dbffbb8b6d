"""Images of whole numbers in their common form: bytes from 0, so that a network divides them by their largest value.

Images of bytes are what replay buffers hold cheaply and what every policy file takes. Other types are brought to bytes where their bounds
allow it (a board of flags, `int8`), and to floats in 0..1 where they do not (`uint16` depth).
"""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MAX_BYTE = 255
"""Largest value of a byte."""

NUM_COLOURS = 3
"""Number of channels of a picture in colour."""


def is_image(space: gym.spaces.Box) -> bool:
    """Returns whether observations are images: with three axes, or with two if they are grey by type and bounds (bytes from 0 to 255)."""
    return len(space.shape) == 3 or (len(space.shape) == 2 and is_bytes(space))


def is_bytes(space: gym.spaces.Box) -> bool:
    """Returns whether values are bytes from 0 to 255, as those of a picture."""
    return space.dtype == np.uint8 and bool((space.low == 0).all() and (space.high == MAX_BYTE).all())


def is_integer_image(space: gym.spaces.Box) -> bool:
    """Returns whether observations are images of whole numbers or flags."""
    return len(space.shape) == 3 and not np.issubdtype(space.dtype, np.floating)


def common_image(space: gym.spaces.Box) -> tuple[gym.spaces.Box, Callable[[Any], Any]]:
    """Returns the common form of a space of integer images, and the function that brings an image into it as a copy.

    Bounds that span at most 255 values give bytes from 0. Wider ones give floats in 0..1; those of a whole type of four or eight bytes say
    nothing about the values, which stay as they are, as floats.
    """
    low, high = _whole(space.low), _whole(space.high)
    width = high - low  # Python's whole numbers where a difference may not fit in int64
    if width.max() <= MAX_BYTE:
        lowest = low.astype(np.int64)
        bytes_space = gym.spaces.Box(np.zeros(space.shape, np.uint8), width.astype(np.uint8), dtype=np.uint8)
        if lowest.any():
            return bytes_space, lambda image: _bytes(np.asarray(image) - lowest)
        return bytes_space, _bytes
    if _is_unbounded(space):
        return gym.spaces.Box(-np.inf, np.inf, space.shape, np.float32), lambda image: np.array(image, np.float32)
    offset, scale = low.astype(np.float64), np.maximum(width.astype(np.float64), 1.0)
    unit = gym.spaces.Box(0.0, 1.0, space.shape, np.float32)
    return unit, lambda image: ((np.asarray(image, np.float64) - offset) / scale).astype(np.float32)


def largest_values(space: gym.spaces.Box) -> float | Array | None:
    """Returns the numbers by which a network divides observations in the common form: of images of bytes their bounds, else None.

    Bounds that differ between pixels or channels give an array `float32 [H, W, C]`; equal ones, the usual case, give one number.
    """
    if not is_integer_image(space):
        return None
    highs = np.maximum(space.high, 1).astype(np.float32)  # a pixel that is always 0 stays 0
    first = float(highs.flat[0])
    return first if bool((highs == first).all()) else highs


def channels_last(space: gym.spaces.Box) -> gym.spaces.Box:
    """Returns the space `[H, W, C]` of images whose space is `[C, H, W]`."""
    low, high = (np.moveaxis(bounds, 0, -1) for bounds in (space.low, space.high))
    kind: Any = space.low.dtype.type
    return gym.spaces.Box(low, high, dtype=kind)


def is_frame_stack(env: gym.Env[Any, Any]) -> bool:
    """Returns whether images are `[C, H, W]` for certain: Gymnasium's stack of frames without a channel axis."""
    shape = env.observation_space.shape
    while isinstance(env, gym.Wrapper):
        if isinstance(env, gym.wrappers.FrameStackObservation):
            return env.observation_space.shape == shape and len(env.env.observation_space.shape or ()) == 2
        env = env.env
    return False


def may_be_stack(space: gym.Space[Any]) -> bool:
    """Returns whether observations could be stacks of frames: images `[H, W, K]` of bytes with K of 2 or more."""
    return space.shape is not None and len(space.shape) == 3 and space.shape[2] > 1 and space.dtype == np.uint8


def are_stacks(observations: Array, following: Array) -> bool:
    """Returns whether each of `following` `[N, H, W, K]` is the stack of `observations` `[N, H, W, K]` moved on by one frame.

    Images whose channels are all alike say nothing, such as the black screen before a game begins. With three channels they count as
    pictures in colour, with any other number as stacks.
    """
    if following.shape[-1] == NUM_COLOURS and np.array_equal(following[..., 1:], following[..., :-1]):
        return False
    return np.array_equal(observations[..., 1:], following[..., :-1])


def looks_channels_first(shape: tuple[int, ...]) -> bool:
    """Returns whether a shape is rather `[C, H, W]` than `[H, W, C]`, by a first axis that is short beside the others."""
    first, second, third = shape
    is_before_square = second == third and first < second and second >= 16
    return is_before_square or (first in (1, 3, 4) and first < min(second, third) and third > 4)


def _bytes(image: Any) -> Array:
    """Returns a copy of an image as bytes.

    Raises:
        ValueError: if a value is no whole number from 0 to 255.
    """
    array = np.asarray(image)
    if array.dtype == np.uint8:
        return array.copy()
    with np.errstate(invalid="ignore"):  # NaN is refused below
        found = array.astype(np.uint8)
    if not np.array_equal(found, array):
        raise ValueError("a value does not fit into a byte")
    return found


def _whole(bounds: Array) -> Array:
    return bounds.astype(object if bounds.dtype.itemsize == np.dtype(np.int64).itemsize else np.int64)


def _is_unbounded(space: gym.spaces.Box) -> bool:
    info = np.iinfo(space.low.dtype)
    return info.bits >= 32 and bool((space.low == info.min).any() or (space.high == info.max).any())
