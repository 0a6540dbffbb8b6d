"""MiniGrid's views as planes of flags, which networks learn from far better than from MiniGrid's own numbers of kinds and colours.

A cell of MiniGrid's view is three numbers: the kind of object, its colour, and its state. Here each of their values is a plane of flags.
"""

import re
import zlib
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from minigrid.core.constants import COLOR_TO_IDX, OBJECT_TO_IDX, STATE_TO_IDX

Array = npt.NDArray[Any]

SIZES = (len(OBJECT_TO_IDX), len(COLOR_TO_IDX), len(STATE_TO_IDX))
"""Number of kinds, colours and states."""
MISSION_PLACES = 36
"""Number of places of words in `GridMission`."""
_WORD = re.compile(r"\w+")
_EYES = [np.eye(size, dtype=np.uint8) for size in SIZES]


class GridImage(gym.ObservationWrapper[Array, Any, Any]):
    """The view alone, `uint8 [height, width, kinds + colours + states]` of 0 and 1; direction and mission are left out.

    Args:
        env: environment of MiniGrid or BabyAI.

    Raises:
        ValueError: if its observations have no view of MiniGrid's.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        height, width = view_of(env).shape[:2]
        self.time_limit: int | None = getattr(env.unwrapped, "max_steps", 0) or None  # BabyAI sets it when it is reset
        """Env steps after which MiniGrid truncates an episode, which its registration does not say."""
        self.observation_space = gym.spaces.Box(0, 1, (height, width, sum(SIZES)), np.uint8)

    def observation(self, observation: Any) -> Array:
        """Returns the view as planes."""
        return planes(observation["image"])


class GridMission(gym.ObservationWrapper[Array, Any, Any]):
    """The view and the mission as one image, `uint8 [height, width, kinds + colours + states + 36]` of 0 and 1; the direction is left out.

    Every cell has the mission's words beside its own flags, so that a convolution sees a word and an object together. Each word has one of
    36 places, which its checksum decides; the 13 words of BabyAI-GoToLocal have 13 places.

    Args:
        env: environment of MiniGrid or BabyAI.
        hidden: whether the words are left out (0 in all places), for an agent that is blind to the mission and else the same.

    Raises:
        ValueError: if its observations have no view of MiniGrid's.
    """

    def __init__(self, env: gym.Env[Any, Any], hidden: bool = False) -> None:
        super().__init__(env)
        height, width = view_of(env).shape[:2]
        self.time_limit: int | None = getattr(env.unwrapped, "max_steps", 0) or None  # BabyAI sets it when it is reset
        """Env steps after which MiniGrid truncates an episode, which its registration does not say."""
        self.observation_space = gym.spaces.Box(0, 1, (height, width, sum(SIZES) + MISSION_PLACES), np.uint8)
        self._hidden = hidden

    def observation(self, observation: Any) -> Array:
        """Returns the view as planes, with a plane for each place of a word behind them."""
        view = planes(observation["image"])
        words = np.zeros(MISSION_PLACES, np.uint8)
        if not self._hidden:
            words[[zlib.crc32(word.encode()) % MISSION_PLACES for word in _WORD.findall(observation["mission"].lower())]] = 1
        return np.concatenate([view, np.broadcast_to(words, (*view.shape[:2], MISSION_PLACES))], axis=-1)


class GridFlat(gym.ObservationWrapper[Any, Any, Any]):
    """All that is seen, `Dict(direction, image, mission)`, with the planes of the view as one vector, `float32 [H * W * P]` of 0 and 1.

    The arena makes one vector of all three (`arena.environments.flattening`): the mission becomes words.

    Args:
        env: environment of MiniGrid or BabyAI.

    Raises:
        ValueError: if its observations have no view of MiniGrid's.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        height, width = view_of(env).shape[:2]
        self.time_limit: int | None = getattr(env.unwrapped, "max_steps", 0) or None  # BabyAI sets it when it is reset
        """Env steps after which MiniGrid truncates an episode, which its registration does not say."""
        assert isinstance(env.observation_space, gym.spaces.Dict)
        view = gym.spaces.Box(0.0, 1.0, (height * width * sum(SIZES),), np.float32)
        self.observation_space = gym.spaces.Dict({**env.observation_space.spaces, "image": view})

    def observation(self, observation: Any) -> Any:
        """Returns an observation whose view is a vector."""
        return {**observation, "image": planes(observation["image"]).reshape(-1).astype(np.float32)}


def view_of(env: gym.Env[Any, Any]) -> gym.spaces.Box:
    """Returns the space of the views of an environment.

    Raises:
        ValueError: if it has none.
    """
    space = env.observation_space
    view = space.spaces.get("image") if isinstance(space, gym.spaces.Dict) else None
    if not isinstance(view, gym.spaces.Box) or len(view.shape) != 3 or view.shape[2] != 3:
        raise ValueError("it goes around an environment of MiniGrid, such as MiniGrid-DoorKey-5x5-v0")
    return view


def planes(view: Array) -> Array:
    """Returns a view `[H, W, 3]` as flags `uint8 [H, W, P]`: one of the kinds, one of the colours, and one of the states."""
    return np.concatenate([eye[view[..., part]] for part, eye in enumerate(_EYES)], axis=-1)
