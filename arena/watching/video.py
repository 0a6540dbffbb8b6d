"""Videos of pictures: MP4 by ffmpeg (`imageio-ffmpeg`), animated WebP and GIF by Pillow."""

import contextlib
import importlib
import importlib.util
import itertools
import math
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from arena.errors import ArenaError
from arena.formats.system_errors import refuse_unwritable
from arena.machine.installation import install_command
from arena.watching.film import GIF_COLOURS

LAST_PICTURE_SECONDS = 1.5
"""Seconds for which the last picture stands still."""
WEBP_QUALITY = 60
"""Quality of pictures in WebP, in 0..100."""
MAX_GIF_FPS = 50
"""Largest number of pictures in a second that browsers show of a GIF."""


def check_video(path: Path) -> None:
    """Refuses a file that cannot be written as a video.

    Args:
        path: The file; its ending decides the format.

    Raises:
        ArenaError: If the ending isn't known, ffmpeg is missing, or the file could not be written.
    """
    if path.suffix not in WRITERS:
        raise ArenaError(f"{path} ends in {path.suffix or 'nothing'}; a video is {', '.join(WRITERS)}")
    if path.suffix == ".mp4" and importlib.util.find_spec("imageio_ffmpeg") is None:
        raise ArenaError(f"an MP4 needs ffmpeg: {install_command('video')} (.webp and .gif need nothing)")
    refuse_unwritable(path)


def write_video(path: Path, pictures: Iterator[Image.Image], fps: float) -> int:
    """Writes pictures as a video, atomically, and returns their number; `check_video` comes first.

    Args:
        path: File to write; one that is there is replaced.
        pictures: Pictures of one size.
        fps: Number of pictures in a second.
    """
    path.absolute().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".arena-video-", dir=path.absolute().parent) as folder:
        unfinished = Path(folder, path.name)
        counted = _Counted(pictures)
        WRITERS[path.suffix](unfinished, counted, fps)
        unfinished.replace(path)
    return counted.number


class _Counted:
    """Pictures, counted as they pass."""

    def __init__(self, pictures: Iterator[Image.Image]) -> None:
        self.number = 0
        self._pictures = pictures

    def __iter__(self) -> "_Counted":
        return self

    def __next__(self) -> Image.Image:
        found = next(self._pictures)
        self.number += 1
        return found


def _write_mp4(path: Path, pictures: Iterator[Image.Image], fps: float) -> None:
    ffmpeg = importlib.import_module("imageio_ffmpeg")
    first = next(pictures)
    # 4:2:0 colours, which every player shows, need even sizes.
    size = (first.width + first.width % 2, first.height + first.height % 2)
    writer: Any = ffmpeg.write_frames(str(path), size, fps=fps, macro_block_size=1, ffmpeg_log_level="error")
    with contextlib.closing(writer):
        writer.send(None)
        last = first
        for last in itertools.chain([first], pictures):
            writer.send(_even(last, size))
        for _ in range(round(LAST_PICTURE_SECONDS * fps)):
            writer.send(_even(last, size))


def _even(picture: Image.Image, size: tuple[int, int]) -> bytes:
    if picture.size == size:
        return np.ascontiguousarray(picture).tobytes()
    whole = Image.new("RGB", size, (255, 255, 255))
    whole.paste(picture)
    return np.ascontiguousarray(whole).tobytes()


def _write_webp(path: Path, pictures: Iterator[Image.Image], fps: float) -> None:
    images = list(pictures)
    durations = [round(1000 / fps)] * (len(images) - 1) + [round(1000 * LAST_PICTURE_SECONDS)]
    images[0].save(path, save_all=True, append_images=images[1:], duration=durations, loop=0, quality=WEBP_QUALITY, method=2)


def _write_gif(path: Path, pictures: Iterator[Image.Image], fps: float) -> None:
    stride = math.ceil(fps / MAX_GIF_FPS)
    *kept, last = [image.quantize(GIF_COLOURS) for image in _every(pictures, stride)]
    durations = [max(20, round(100 * stride / fps) * 10)] * len(kept) + [round(1000 * LAST_PICTURE_SECONDS)]
    images = [*kept, last]
    images[0].save(path, save_all=True, append_images=images[1:], duration=durations, loop=0)


def _every(pictures: Iterator[Image.Image], stride: int) -> Iterator[Image.Image]:
    """Yields every so many pictures, and the last."""
    for number, picture in enumerate(pictures):
        if number % stride == 0:
            yield picture
    if number % stride:
        yield picture


WRITERS: dict[str, Callable[[Path, Iterator[Image.Image], float], None]] = {".mp4": _write_mp4, ".webp": _write_webp, ".gif": _write_gif}
"""Functions that write a video, by the ending of its file."""
