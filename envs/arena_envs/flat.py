"""The wrapper `flat`: observations with images among their parts as one vector, for agents without convolutions for such."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from arena.environments.images import is_image, largest_values
from arena.environments.observation_form import observation_form


class FlatImages(gym.ObservationWrapper[Any, Any, Any]):
    """Images become vectors, those of whole numbers from 0 to 1 by their own bounds; all other parts stay as they are.

    The arena makes one vector of all parts afterwards (`arena.environments.flattening`), texts included.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.observation_space, self._convert = _flat(env.observation_space)

    def observation(self, observation: Any) -> Any:
        """Returns an observation without images."""
        return self._convert(observation)


def _flat(space: gym.Space[Any]) -> tuple[gym.Space[Any], Callable[[Any], Any]]:
    if isinstance(space, gym.spaces.Dict):
        parts = {key: _flat(part) for key, part in space.spaces.items()}
        return gym.spaces.Dict({key: part for key, (part, _) in parts.items()}), lambda value: {
            key: convert(value[key]) for key, (_, convert) in parts.items()
        }
    if isinstance(space, gym.spaces.Tuple):
        members = [_flat(part) for part in space.spaces]
        return gym.spaces.Tuple([part for part, _ in members]), lambda value: tuple(
            convert(item) for (_, convert), item in zip(members, value, strict=True)
        )
    if not isinstance(space, gym.spaces.Box) or not is_image(space):
        return space, lambda value: value
    form = observation_form(space)
    largest = largest_values(form.space)
    scale = np.float32(1.0) if largest is None else np.asarray(largest, np.float32)
    low, high = ((bound / scale).astype(np.float32).reshape(-1) for bound in (form.space.low, form.space.high))
    return gym.spaces.Box(low, high, dtype=np.float32), lambda image: (form.observe(image) / scale).astype(np.float32).reshape(-1)
