"""Frames of an episode, recorded by playing it again from its recorded seed.

An episode becomes one sprite sheet (WebP in a data URI), so that a page needs no file beside it and a browser can jump to any moment.
"""

import io
from collections.abc import Sequence

from PIL import Image

from arena.environments.config import EnvConfig
from arena.environments.rendering import CannotRender
from arena.formats.readable import one_line
from arena.policies.policy import Policy
from arena.tournament.leaderboard.match_replays import Pane
from arena.watching.film import WEBP_QUALITY, film_episode, webp_uri

SHEET_COLUMNS = 10
"""Number of frames in a row of the sprite sheet."""


def record_episode(
    policy: Policy, env_config: EnvConfig, *, player: str, num_episodes: int, seed: int, episode: int, num_steps: int
) -> Pane:
    """Plays one episode of an evaluation again, as `arena.watching.film.film_episode` does, which has the other arguments.

    Args:
        policy: Policy that acts as it did then.
        env_config: The environment.
        player: Name to show.
        num_episodes: Number of episodes of the evaluation.
        seed: Seed of the evaluation.
        episode: Number of the episode in the evaluation, counted from 0.
        num_steps: Length of the episode then.

    Raises:
        CannotRender: If the environment draws no frames.
    """
    try:
        film = film_episode(policy, env_config, num_episodes=num_episodes, seed=seed, episode=episode, num_steps=num_steps)
    except CannotRender:
        raise
    except Exception as error:  # another package's code: a picture that cannot be drawn must not cost the page
        raise CannotRender(f"it failed while it was drawn ({one_line(error)})") from error
    width, height = film.images[0].size
    return Pane(
        player=player,
        sheet=_sheet(film.images),
        columns=min(SHEET_COLUMNS, len(film.images)),
        width=width,
        height=height,
        times=film.times,
        returns=film.returns,
    )


def _sheet(images: Sequence[Image.Image]) -> str:
    """Returns the data URI of all images in rows of `SHEET_COLUMNS`."""
    columns, (width, height) = min(SHEET_COLUMNS, len(images)), images[0].size
    sheet = Image.new("RGB", (columns * width, -(-len(images) // columns) * height))
    for number, image in enumerate(images):
        sheet.paste(image, (number % columns * width, number // columns * height))
    buffer = io.BytesIO()
    sheet.save(buffer, "WEBP", quality=WEBP_QUALITY)
    return webp_uri(buffer.getvalue())
