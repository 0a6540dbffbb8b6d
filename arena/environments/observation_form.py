"""Observations in their common form: a flat vector, `float32 [D]`, or an image, `[H, W, C]`.

Discrete, MultiDiscrete, MultiBinary, Dict, Tuple, text and arrays that are no images become one vector (`arena.environments.flattening`);
images of whole numbers become bytes (`arena.environments.images`). A Dict with an `action_mask` becomes
`arena.environments.spaces.MaskedBox`. Everything else is refused.
"""

import collections
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

from arena.environments.flattening import flatten, what_cannot_be_flat
from arena.environments.images import channels_last, common_image, is_image, is_integer_image
from arena.environments.spaces import MaskedBox
from arena.environments.words import HashedWords, OwnEncoder, TextEncoder

MASK = "action_mask"
"""Name of the mask of allowed actions among the parts of a Dict."""
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
        space: space of which `observation_kind` says `flat` or `image`.
        channels_first: whether its images are `[C, H, W]`.
        text_encoder: `package.module:function` that makes vectors of texts; None makes bags of words.

    Raises:
        ArenaError: if the encoder cannot be used.
    """
    if isinstance(space, MaskedBox):
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
    return _vector_form(space, make_encoder)._replace(encoders=encoders)


def observation_kind(space: gym.Space[Any]) -> str:
    """Returns `flat` or `image`, or a sentence that says why the arena cannot take such observations."""
    if _only_image(space) is not None:
        return "image"
    masked = is_masked(space)
    if isinstance(space, gym.spaces.Dict) and MASK in space.spaces and not masked:
        return f"observations are {space}: {MASK!r} must be flags with one axis, MultiBinary(n) for n actions, beside other parts"
    reason = what_cannot_be_flat(_features(space)[1] if isinstance(space, gym.spaces.Dict) and masked else space, with_images=masked)
    return f"observations are {space}: {reason}" if reason else "flat"


def is_masked(space: gym.Space[Any]) -> bool:
    """Returns whether observations are a Dict of which one part, beside others, is a mask of allowed actions."""
    if not isinstance(space, gym.spaces.Dict):
        return False
    mask = space.spaces.get(MASK)
    flags = isinstance(mask, gym.spaces.MultiBinary) or (isinstance(mask, gym.spaces.Box) and mask.low.min() >= 0 and mask.high.max() <= 1)
    return len(space.spaces) > 1 and flags and mask is not None and len(mask.shape or ()) == 1


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


def _masked_form(space: gym.spaces.Dict, make_encoder: Callable[[], TextEncoder]) -> ObservationForm:
    key, inner = _features(space)
    features, observe, names, _ = _vector_form(inner, make_encoder)
    (num_actions,) = space[MASK].shape or ()

    def join(observation: Any) -> Any:
        vector = observe(observation if key is None else observation[key])
        return np.concatenate([vector, np.asarray(observation[MASK], np.float32)])

    return ObservationForm(MaskedBox(features.low, features.high, num_actions), join, names)


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
        return ObservationForm(*common_image(space))
    floats = gym.spaces.Box(space.low.astype(np.float32), space.high.astype(np.float32), space.shape, np.float32)
    return ObservationForm(floats, lambda image: np.array(image, np.float32))
