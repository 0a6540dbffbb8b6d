"""Observations in their common form: a flat vector, `float32 [D]`, an image, `[H, W, C]`, or an image with numbers behind it.

Discrete, MultiDiscrete, MultiBinary, Dict, Tuple, text and arrays that are no images become one vector (`arena.environments.flattening`);
images of whole numbers become bytes (`arena.environments.images`). One image among other parts stands before their vector
(`arena.environments.spaces.ImageAndNumbers`), with values from 0 to 1 if they are whole numbers. A Dict with an `action_mask` becomes
`arena.environments.spaces.MaskedBox`. Everything else is refused.
"""

import collections
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

from arena.environments.flattening import Path, flatten, only_image, what_cannot_be_flat
from arena.environments.images import channels_last, common_image, is_image, is_integer_image, largest_values, looks_channels_first
from arena.environments.spaces import ImageAndNumbers, MaskedBox
from arena.environments.words import HashedWords, OwnEncoder, TextEncoder

MASK = "action_mask"
"""Name of the mask of allowed actions among the parts of a Dict."""
IMAGE_AND_NUMBERS = "mixed"
"""Kind of observations with an image and other parts."""
_MADE_BY_VALUES = (gym.spaces.Dict, gym.spaces.Tuple)


class ObservationForm(NamedTuple):
    """How observations of a space come into the common form."""

    space: gym.spaces.Box
    """Space in the common form."""
    observe: Callable[[Any], Any]
    """Returns an observation in the common form, as a copy; raises ValueError, TypeError, IndexError or KeyError for what is no observation
    of the space."""
    names: Callable[[], list[str]] = list
    """Returns a name for each number of a vector of several parts, without those of a mask; empty for an image and for a plain vector."""
    encoders: Sequence[TextEncoder] = ()
    """Encoders of the parts that are text, in their order."""


def observation_form(space: gym.Space[Any], *, channels_first: bool = False, text_encoder: str | None = None) -> ObservationForm:
    """Returns the common form of an observation space.

    Args:
        space: space of which `observation_kind` says `flat`, `image` or `mixed`.
        channels_first: whether its images are `[C, H, W]`.
        text_encoder: `package.module:function` that makes vectors of texts; None makes bags of words.

    Raises:
        ArenaError: if the encoder cannot be used.
    """
    if isinstance(space, (MaskedBox, ImageAndNumbers)):
        return ObservationForm(space, lambda observation: np.array(observation, np.float32))
    if image := _only_image(space):
        return _unwrapped(space, _image_form(image, channels_first))

    encoders: list[TextEncoder] = []

    def make_encoder() -> TextEncoder:
        encoders.append(HashedWords() if text_encoder is None else OwnEncoder(text_encoder))
        return encoders[-1]

    if isinstance(space, gym.spaces.Dict) and is_masked(space):
        return _masked_form(space, make_encoder)._replace(encoders=encoders)
    if isinstance(space, gym.spaces.Box) and len(space.shape) == 1:
        low, high = space.low.astype(np.float32), space.high.astype(np.float32)
        flat = gym.spaces.Box(low, high, space.shape, np.float32)
        return ObservationForm(flat, lambda observation: np.array(observation, np.float32))
    if found := only_image(space):
        return _image_and_numbers_form(space, *found, make_encoder)._replace(encoders=encoders)
    return _vector_form(space, make_encoder)._replace(encoders=encoders)


def observation_kind(space: gym.Space[Any]) -> str:
    """Returns `flat`, `image` or `mixed`, or a sentence that says why the arena cannot take such observations."""
    if _only_image(space) is not None:
        return "image"
    if isinstance(space, ImageAndNumbers):
        return IMAGE_AND_NUMBERS
    masked = is_masked(space)
    if not masked and (found := only_image(space)):
        path, image = found
        if len(image.shape) == 3 and looks_channels_first(image.shape):
            return f"observations are {space}: the image {image.shape} looks like channels first; the arena takes [height, width, channels]"
        reason = what_cannot_be_flat(space, without=path)
        return f"observations are {space}: {reason}" if reason else IMAGE_AND_NUMBERS
    if isinstance(space, gym.spaces.Dict) and MASK in space.spaces and not masked:
        return f"observations are {space}: {MASK!r} must be flags, MultiBinary(n) for n actions, beside other parts"
    reason = what_cannot_be_flat(_features(space)[1] if isinstance(space, gym.spaces.Dict) and masked else space, with_images=masked)
    return f"observations are {space}: {reason}" if reason else "flat"


def is_masked(space: gym.Space[Any]) -> bool:
    """Returns whether observations are a Dict of which one part, beside others, is a mask of allowed actions with one or two axes."""
    if not isinstance(space, gym.spaces.Dict):
        return False
    mask = space.spaces.get(MASK)
    flags = isinstance(mask, gym.spaces.MultiBinary) or (isinstance(mask, gym.spaces.Box) and mask.low.min() >= 0 and mask.high.max() <= 1)
    return len(space.spaces) > 1 and flags and mask is not None and len(mask.shape or ()) in (1, 2)


def mask_shape(space: gym.Space[Any]) -> tuple[int, ...]:
    """Returns the shape of the mask that observations of a space carry: a Dict of which `is_masked` is true, or a `MaskedBox`."""
    if isinstance(space, MaskedBox):
        return (space.num_actions,)
    assert isinstance(space, gym.spaces.Dict)
    return space.spaces[MASK].shape or ()


def _features(space: gym.spaces.Dict) -> tuple[str | None, gym.Space[Any]]:
    """Returns what is beside a mask: the key and the space of the part `observation`, or None and a Dict of all other parts."""
    others = collections.OrderedDict((key, part) for key, part in space.spaces.items() if key != MASK)
    return ("observation", others["observation"]) if set(others) == {"observation"} else (None, gym.spaces.Dict(others))


def _vector_form(space: gym.Space[Any], make_encoder: Callable[[], TextEncoder]) -> ObservationForm:
    flat = flatten(space, make_encoder)
    size = len(flat.low)

    def observe(observation: Any) -> Any:
        vector = np.empty(size, np.float32)
        flat.write(observation, vector)
        return vector

    return ObservationForm(gym.spaces.Box(flat.low, flat.high, dtype=np.float32), observe, flat.names)


def _image_and_numbers_form(
    space: gym.Space[Any], path: Path, image: gym.spaces.Box, make_encoder: Callable[[], TextEncoder]
) -> ObservationForm:
    form, flat = _image_form(image, channels_first=False), flatten(space, make_encoder, without=path)
    largest = largest_values(form.space)
    scale = np.float32(1.0) if largest is None else np.asarray(largest, np.float32)
    low, high = ((bound / scale).astype(np.float32) for bound in (form.space.low, form.space.high))
    common = ImageAndNumbers(gym.spaces.Box(low, high, dtype=np.float32), flat.low, flat.high)
    split = common.num_pixels

    def observe(observation: Any) -> Any:
        part = observation
        for key in path:
            part = part[key]
        values = form.observe(part)
        if values.shape != form.space.shape:
            raise ValueError(values.shape)  # NumPy would repeat it where it can
        vector = np.empty(common.shape, np.float32)
        vector[:split] = (values / scale).reshape(-1)
        flat.write(observation, vector[split:])
        return vector

    def names() -> list[str]:
        where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")
        return [f"{where}[{y},{x},{channel}]" for y, x, channel in np.ndindex(*common.image_shape)] + flat.names()

    return ObservationForm(common, observe, names)


def _masked_form(space: gym.spaces.Dict, make_encoder: Callable[[], TextEncoder]) -> ObservationForm:
    key, inner = _features(space)
    features, observe, names, _ = _vector_form(inner, make_encoder)
    num_flags = math.prod(mask_shape(space))

    def join(observation: Any) -> Any:
        vector = observe(observation if key is None else observation[key])
        return np.concatenate([vector, _flags(observation[MASK], mask_shape(space))])

    return ObservationForm(MaskedBox(features.low, features.high, num_flags), join, names)


def _flags(given: Any, shape: tuple[int, ...]) -> Any:
    mask = np.asarray(given, np.float32)
    if mask.shape != shape:
        raise ValueError(mask.shape)  # another shape has another meaning
    return mask.reshape(-1)


def _only_image(space: gym.Space[Any]) -> gym.spaces.Box | None:
    """Returns the image that observations consist of, also as the only part of a Dict or Tuple; None if there is more, or no image."""
    while isinstance(space, _MADE_BY_VALUES) and len(space.spaces) == 1:
        space = next(iter(space.spaces.values())) if isinstance(space, gym.spaces.Dict) else space.spaces[0]
    return space if isinstance(space, gym.spaces.Box) and is_image(space) else None


def _unwrapped(space: gym.Space[Any], form: ObservationForm) -> ObservationForm:
    keys: list[Any] = []
    while isinstance(space, _MADE_BY_VALUES):
        keys.append(next(iter(space.spaces)) if isinstance(space, gym.spaces.Dict) else 0)
        space = space[keys[-1]]
    if not keys:
        return form

    def observe(observation: Any) -> Any:
        for key in keys:
            observation = observation[key]
        return form.observe(observation)

    return ObservationForm(form.space, observe)


def _image_form(space: gym.spaces.Box, channels_first: bool) -> ObservationForm:
    if channels_first:
        form = _image_form(channels_last(space), channels_first=False)
        return ObservationForm(form.space, lambda image: form.observe(np.moveaxis(np.asarray(image), 0, -1)))
    if len(space.shape) == 2:
        kind: Any = space.low.dtype.type
        form = _image_form(gym.spaces.Box(space.low[..., None], space.high[..., None], dtype=kind), channels_first=False)
        return ObservationForm(form.space, lambda image: form.observe(np.asarray(image)[..., None]))
    if is_integer_image(space):
        common, convert = common_image(space)

        def observe(image: Any) -> Any:
            if np.shape(image) != space.shape:
                raise ValueError(np.shape(image))  # NumPy would repeat it where it subtracts bounds
            return convert(image)

        return ObservationForm(common, observe)
    floats = gym.spaces.Box(space.low.astype(np.float32), space.high.astype(np.float32), space.shape, np.float32)
    return ObservationForm(floats, lambda image: np.array(image, np.float32))
