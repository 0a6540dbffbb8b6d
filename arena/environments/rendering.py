"""Pictures of an environment, drawn into memory."""

import os
import sys
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.environments.config import EnvConfig
from arena.environments.make import make_env

_SILENT = {"SDL_AUDIODRIVER": "dummy", "PYGAME_HIDE_SUPPORT_PROMPT": "1"}
"""Variables by which pygame needs no sound, and need not greet."""
_WITHOUT_SCREEN = {"SDL_VIDEODRIVER": "dummy"}
"""Variables by which pygame needs no screen, and opens none where there is one."""
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")
"""Variables that name a screen; without one, MuJoCo draws by EGL unless MUJOCO_GL says otherwise."""


class CannotRender(Exception):
    """Raised where an environment draws no pictures; the message says why."""


def make_renderer(env_config: EnvConfig, *, opens_window: bool = False) -> gym.Env[Any, Any]:
    """Returns an environment whose `render()` gives pictures.

    Args:
        env_config: The environment.
        opens_window: Whether this process shows a window of its own.

    Raises:
        CannotRender: If it has no render mode `rgb_array`.
    """
    for name, value in {**_SILENT, **({} if opens_window else _WITHOUT_SCREEN)}.items():
        os.environ.setdefault(name, value)
    if sys.platform == "linux" and not any(map(os.environ.get, _SCREENS)):
        os.environ.setdefault("MUJOCO_GL", "egl")
    plain = make_env(env_config)
    modes = plain.metadata.get("render_modes", ())
    plain.close()
    if "rgb_array" not in modes:
        raise CannotRender("it has no render mode 'rgb_array'")
    return make_env(env_config, render_mode="rgb_array")


def picture(frame: Any) -> npt.NDArray[np.uint8]:
    """Returns what `render()` gave as a picture `uint8 [H, W, 3]`.

    Raises:
        CannotRender: If it is none.
    """
    if not isinstance(frame, np.ndarray) or frame.ndim != 3:
        raise CannotRender("it gives no picture in the mode 'rgb_array'")
    return frame.astype(np.uint8, copy=False)
