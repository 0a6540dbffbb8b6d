"""A window that shows pictures as they are made."""

import os
import sys
from collections.abc import Iterator

import pygame
from PIL import Image


def has_display() -> bool:
    """Returns whether this process may open a window."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any((os.environ.get("DISPLAY"), os.environ.get("WAYLAND_DISPLAY"), os.environ.get("SDL_VIDEODRIVER")))


def show_window(pictures: Iterator[Image.Image], fps: float, title: str) -> int:
    """Shows pictures in a window until they end and the window is closed, or it is closed before; returns the number shown.

    Escape and Q close it; Space stops and goes on.

    Args:
        pictures: Pictures of one size.
        fps: Number of pictures in a second.
        title: Title of the window.
    """
    pygame.display.init()
    try:
        pygame.display.set_caption(title)
        return _shown(pictures, fps)
    finally:
        pygame.display.quit()


def _shown(pictures: Iterator[Image.Image], fps: float) -> int:
    clock, number, stands_still, over = pygame.time.Clock(), 0, False, False
    screen: pygame.Surface | None = None
    while True:
        for event in pygame.event.get():
            if event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key in (pygame.K_ESCAPE, pygame.K_q)):
                return number
            if event.type == pygame.KEYDOWN and event.key == pygame.K_SPACE:
                stands_still = not stands_still
        picture = None if stands_still or over else next(pictures, None)
        if picture is not None:
            screen = screen or pygame.display.set_mode(picture.size)
            screen.blit(pygame.image.frombuffer(picture.tobytes(), picture.size, "RGB"), (0, 0))
            pygame.display.flip()
            number += 1
        else:
            over = over or not stands_still
        clock.tick(fps)
