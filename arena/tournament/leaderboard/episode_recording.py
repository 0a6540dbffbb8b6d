"""Frames of an episode, recorded by playing it again from its recorded seed.

An episode becomes one sprite sheet (WebP in a data URI), so that a page needs no file beside it and a browser can jump to any moment.
"""

import base64
import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from PIL import Image

from arena.environments.config import EnvConfig
from arena.environments.rendering import CannotRender, make_renderer, picture
from arena.environments.vectorize import make_vec_env
from arena.policies.evaluation import episode_batches
from arena.policies.policy import Policy
from arena.tournament.faults import one_line
from arena.tournament.leaderboard.match_replays import Pane

Array = npt.NDArray[Any]
Draw = Callable[[], Any]
"""Function that returns the picture of the present state, `uint8 [H, W, 3]`."""

MAX_FRAMES = 100
"""Max number of frames of one episode; the longer the episode, the more env steps lie between two frames."""
FRAME_WIDTH = 240
"""Max width of a frame in pixels; the height follows."""
SHEET_COLUMNS = 10
"""Number of frames in a row of the sprite sheet."""
WEBP_QUALITY = 60
"""Quality of the compressed sprite sheet, in 0..100."""


def record_episode(
    policy: Policy, env_config: EnvConfig, *, player: str, num_episodes: int, seed: int, episode: int, num_steps: int
) -> Pane:
    """Plays one episode of `evaluate(policy, env_config, num_episodes=num_episodes, seed=seed)` again, and returns it with frames.

    Args:
        policy: Policy that acts as it did then.
        env_config: The environment.
        player: Name to show.
        num_episodes: Number of episodes of the evaluation: the starts of a vectorised environment depend on it.
        seed: Seed of the evaluation.
        episode: Number of the episode in the evaluation, counted from 0.
        num_steps: Length of the episode then; it decides how many steps lie between two frames.

    Raises:
        CannotRender: If the environment draws no frames.
    """
    batches = list(episode_batches(num_episodes, seed))
    batch, index = divmod(episode, batches[0][0])
    num_envs, batch_seed = batches[batch]
    try:
        return _film(player, _steps(policy, env_config, num_envs, index, batch_seed), num_steps)
    except CannotRender:
        raise
    except Exception as error:  # another package's code: a picture that cannot be drawn must not cost the page
        raise CannotRender(f"it failed while it was drawn ({one_line(error)})") from error


def _film(player: str, steps: Iterator[tuple[Draw, float, bool]], num_steps: int) -> Pane:
    stride = -(-num_steps // (MAX_FRAMES - 1))
    times: list[int] = []
    returns: list[float] = []
    images: list[Image.Image] = []
    episode_return = 0.0
    for time, (draw, reward, over) in enumerate(itertools.islice(steps, num_steps + 1)):
        episode_return += reward
        if over or time == num_steps or time % stride == 0:
            times.append(time)
            returns.append(round(episode_return, 2))
            images.append(_shrink(draw()))
    width, height = images[0].size
    return Pane(
        player=player,
        sheet=_sheet(images),
        columns=min(SHEET_COLUMNS, len(images)),
        width=width,
        height=height,
        times=tuple(times),
        returns=tuple(returns),
    )


def _steps(policy: Policy, env_config: EnvConfig, num_envs: int, index: int, batch_seed: int) -> Iterator[tuple[Draw, float, bool]]:
    """Yields a way to draw the state, the reward that led to it and whether it is the last, at the start and after each step."""
    renderer = make_renderer(env_config)
    env = make_vec_env(env_config, num_envs, autoreset_mode=AutoresetMode.NEXT_STEP)
    try:
        if isinstance(env, SyncVectorEnv):
            yield from _steps_alone(policy, renderer, num_envs, index, batch_seed)
        else:
            yield from _steps_in_batch(policy, env, renderer, index, batch_seed)
    finally:
        env.close()
        renderer.close()


def _steps_alone(policy: Policy, env: gym.Env[Any, Any], num_envs: int, index: int, batch_seed: int) -> Iterator[tuple[Draw, float, bool]]:
    observation, _ = env.reset(seed=batch_seed + index)  # as SyncVectorEnv seeds its environments
    # The policy sees a batch of the size it saw then: matrix products of another size differ in their last bits, and such a
    # difference grows into another episode.
    yield env.render, 0.0, False
    over = False
    while not over:
        batch = np.repeat(np.asarray(observation)[np.newaxis], num_envs, axis=0)
        observation, reward, terminated, truncated, _ = env.step(policy.act(batch)[index])
        over = bool(terminated or truncated)
        yield env.render, float(reward), over


def _steps_in_batch(
    policy: Policy, env: gym.vector.VectorEnv[Any, Any, Any], renderer: gym.Env[Any, Any], index: int, batch_seed: int
) -> Iterator[tuple[Draw, float, bool]]:
    # A vectorised implementation draws all starts at once, so the whole batch is played; one environment takes over the state to draw.
    inner: Any = env.unwrapped
    drawer: Any = renderer.unwrapped
    if not hasattr(inner, "state") or not hasattr(drawer, "state"):
        raise CannotRender("its vectorised form does not show its state")
    renderer.reset()

    def draw() -> Any:
        drawer.state = np.array(inner.state)[:, index]
        return renderer.render()

    observations, _ = env.reset(seed=batch_seed)
    yield draw, 0.0, False
    over = False
    while not over:
        observations, rewards, terminated, truncated, _ = env.step(policy.act(observations))
        over = bool(terminated[index] or truncated[index])
        yield draw, float(rewards[index]), over


def _sheet(images: Sequence[Image.Image]) -> str:
    """Returns the data URI of all images in rows of `SHEET_COLUMNS`."""
    columns, (width, height) = min(SHEET_COLUMNS, len(images)), images[0].size
    sheet = Image.new("RGB", (columns * width, -(-len(images) // columns) * height))
    for number, image in enumerate(images):
        sheet.paste(image, (number % columns * width, number // columns * height))
    buffer = io.BytesIO()
    sheet.save(buffer, "WEBP", quality=WEBP_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _shrink(frame: Any) -> Image.Image:
    image = Image.fromarray(picture(frame))
    width = min(FRAME_WIDTH, image.width)
    return image.resize((width, max(1, round(image.height * width / image.width))), Image.Resampling.BILINEAR)
