import pygame
import pytest

from arena.watching.panes import Watched, frames
from arena.watching.window import has_display, show_window


@pytest.fixture(autouse=True)
def _no_screen(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


def until(number, pictures, key):
    """Yields pictures, and presses a key at the so manieth."""
    for index, picture in enumerate(pictures):
        if index == number:
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))
        yield picture


def test_a_window_shows_pictures_until_it_is_closed(moments):
    pictures = until(3, frames([Watched("a", moments(50))]), pygame.K_ESCAPE)
    assert show_window(pictures, fps=1_000, title="test") == 4
    assert not pygame.display.get_init()


def test_a_display_is_asked_for_by_its_variables(monkeypatch):
    monkeypatch.setattr("arena.watching.window.sys.platform", "linux")
    assert has_display()
    for name in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not has_display()
