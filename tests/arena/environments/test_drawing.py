"""What pictures need of the machine."""

import os
import sys

import pytest

from arena.environments.config import EnvConfig
from arena.environments.rendering import make_renderer

CASES = [({}, "egl"), ({"DISPLAY": ":0"}, None), ({"WAYLAND_DISPLAY": "wayland-0"}, None), ({"MUJOCO_GL": "osmesa"}, "osmesa")]
"""Variables that are set, and how MuJoCo is told to draw."""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere MuJoCo draws without a screen by itself")
@pytest.mark.parametrize(("variables", "expected"), CASES)
def test_mujoco_needs_no_screen_where_there_is_none(variables: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MUJOCO_GL"):
        monkeypatch.setenv(name, "")  # so that what follows is undone
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    make_renderer(EnvConfig("CartPole-v1")).close()
    assert os.environ.get("MUJOCO_GL") == expected
