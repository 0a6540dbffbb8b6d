"""The film of an episode of an evaluation, which is played again from its seed."""

import base64
import dataclasses
import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode
from PIL import Image

from arena.environments.config import EnvConfig
from arena.environments.rendering import CannotRender, make_renderer, picture
from arena.environments.vectorize import are_single_envs, make_sync_env, make_vec_env
from arena.policies.evaluation import episode_batches
from arena.policies.policy import Policy

Array = npt.NDArray[Any]
Draw = Callable[[], Any]
"""Function that returns the picture of the present state, `uint8 [H, W, 3]`."""

MAX_FRAMES = 100
"""Max number of frames of one episode; the longer the episode, the more env steps lie between two frames."""
FRAME_WIDTH = 240
"""Max width of a frame in pixels; the height follows."""
WEBP_QUALITY = 60
"""Quality of compressed pictures, in 0..100."""
GIF_COLOURS = 64
"""Number of colours in each frame of a GIF."""
ANIMATION_SECONDS = 8.0
"""Duration of an animation, however long its episode."""
MAX_FRAME_SECONDS = 0.2
"""Longest time of one frame of an animation: a short episode takes less time."""


@dataclasses.dataclass(frozen=True)
class Film:
    """Frames of one episode."""

    images: tuple[Image.Image, ...]
    """Frames, all of one size."""
    times: tuple[int, ...]
    """Env steps before each frame."""
    returns: tuple[float, ...]
    """Return up to each frame, to two digits."""

    def animation(self) -> str:
        """Returns the frames as an animated WebP in a data URI."""
        return webp_uri(_animated(self.images, "WEBP", quality=WEBP_QUALITY))

    def gif(self) -> bytes:
        """Returns the frames as an animated GIF, which every page of pictures shows."""
        return _animated([image.quantize(GIF_COLOURS) for image in self.images], "GIF")


def film_episode(
    policy: Policy,
    env_config: EnvConfig,
    *,
    num_episodes: int,
    seed: int,
    episode: int,
    num_steps: int,
    num_envs: int | None = None,
    one_by_one: bool = False,
    on_step: Callable[[], None] = lambda: None,
) -> Film:
    """Plays one episode of `evaluate(policy, env_config, num_episodes=num_episodes, seed=seed)` again, and returns its film.

    Args:
        policy: Policy that acts as it did then.
        env_config: The environment.
        num_episodes: Number of episodes of the evaluation: the starts of a vectorised environment depend on it.
        seed: Seed of the evaluation.
        episode: Number of the episode in the evaluation, counted from 0.
        num_steps: Length of the episode then; it decides how many steps lie between two frames.
        num_envs: Number of environments that existed at once, as `evaluate` takes it.
        one_by_one: Whether faster implementations of many environments were not used, as where metrics of `info` are asked for.
        on_step: Function called after the reset and each step.

    Raises:
        CannotRender: If the environment draws no frames.
    """
    batches = list(episode_batches(num_episodes, seed, num_envs))
    batch, index = divmod(episode, batches[0][0])
    batch_size, batch_seed = batches[batch]
    return _film(_steps(policy, env_config, batch_size, index, batch_seed, one_by_one=one_by_one), num_steps, on_step)


def chosen_episodes(episode_returns: Sequence[float]) -> dict[str, int]:
    """Returns the numbers of the best episode and of the one in the middle, the first of equals."""
    order = sorted(range(len(episode_returns)), key=lambda episode: (-episode_returns[episode], episode))
    return {"best": order[0], "median": order[len(order) // 2]}


def _animated(images: Sequence[Image.Image], kind: str, **options: Any) -> bytes:
    milliseconds = round(100 * min(MAX_FRAME_SECONDS, ANIMATION_SECONDS / len(images))) * 10  # a GIF counts hundredths
    durations = [milliseconds] * (len(images) - 1) + [1_500]  # the end stands still
    buffer = io.BytesIO()
    images[0].save(buffer, kind, save_all=True, append_images=images[1:], duration=durations, loop=0, **options)
    return buffer.getvalue()


def webp_uri(content: bytes) -> str:
    """Returns a WebP picture as a data URI, which a page can hold."""
    return f"data:image/webp;base64,{base64.b64encode(content).decode()}"


def _film(steps: Iterator[tuple[Draw, float, bool]], num_steps: int, on_step: Callable[[], None]) -> Film:
    stride = -(-num_steps // (MAX_FRAMES - 1))
    times: list[int] = []
    returns: list[float] = []
    images: list[Image.Image] = []
    episode_return = 0.0
    for time, (draw, reward, over) in enumerate(itertools.islice(steps, num_steps + 1)):
        on_step()
        episode_return += reward
        if over or time == num_steps or time % stride == 0:
            times.append(time)
            returns.append(round(episode_return, 2))
            images.append(_shrink(draw()))
    return Film(tuple(images), tuple(times), tuple(returns))


def _steps(
    policy: Policy, env_config: EnvConfig, num_envs: int, index: int, batch_seed: int, *, one_by_one: bool
) -> Iterator[tuple[Draw, float, bool]]:
    """Yields a way to draw the state, the reward that led to it and whether it is the last, at the start and after each step."""
    renderer = make_renderer(env_config)
    env = (make_sync_env if one_by_one else make_vec_env)(env_config, num_envs, autoreset_mode=AutoresetMode.NEXT_STEP)
    try:
        if are_single_envs(env):
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


def _shrink(frame: Any) -> Image.Image:
    image = Image.fromarray(picture(frame))
    width = min(FRAME_WIDTH, image.width)
    return image.resize((width, max(1, round(image.height * width / image.width))), Image.Resampling.BILINEAR)
