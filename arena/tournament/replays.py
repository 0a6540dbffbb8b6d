"""Replays inside a page: games as their moves, episodes of a duel as frames, played again from their recorded seeds.

An episode becomes one sprite sheet (WebP in a data URI), so that a page needs no file beside it and a browser can jump to any moment.
"""

import base64
import dataclasses
import io
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from PIL import Image

from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from arena.environments.vectorize import make_vec_env
from arena.policies.evaluation import episode_batches
from arena.policies.policy import Policy

Array = npt.NDArray[Any]
Draw = Callable[[], Any]
"""Returns the picture of the present state, `uint8 [H, W, 3]`."""

Ply = tuple[int, tuple[tuple[int, int], ...]]
"""The seat that moved, 0 or 1, and each cell (counted row by row) that changed with its new content: 0 empty, 1 and 2 the seats' pieces."""

MAX_FRAMES = 100
"""Of one episode: twice as many steps lie between two frames where it would have more."""
FRAME_WIDTH = 240
"""Pixels; height follows."""
SHEET_COLUMNS = 10
WEBP_QUALITY = 60


# pygame draws into memory: it needs neither screen nor sound, opens none where there are some, and need not greet.
_ENVIRON = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy", "PYGAME_HIDE_SUPPORT_PROMPT": "1"}


class CannotRender(Exception):
    """Raised where an environment draws no frames; says why."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pane:
    """One player's episode."""

    player: str
    sheet: str
    """Data URI of an image with all frames, row by row, `columns` in each."""
    columns: int
    width: int
    """Pixels of one frame."""
    height: int
    times: tuple[int, ...]
    """Env step of each frame: the first is 0, the last the end of the episode."""
    returns: tuple[float, ...]
    """Sum of rewards at each frame."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Replay:
    """What both kinds of replay show: two players on one environment."""

    env: str
    players: tuple[str, str]
    outcome: str
    """One sentence."""
    why: str
    """The rule by which it was chosen."""
    kind: ClassVar[str]

    @property
    def title(self) -> str:
        """Names the meeting."""
        return f"{self.players[0]} \N{EN DASH} {self.players[1]}, {self.env}"

    def document(self) -> dict[str, Any]:
        """Returns what the player (`templates/player.js`) reads."""
        return {"kind": self.kind, "title": self.title, **dataclasses.asdict(self)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class GameMatch:
    """One game, move by move."""

    match: str
    """As in `matches.jsonl`."""
    players: tuple[str, str]
    """First mover first."""
    moves: tuple[int, ...]
    """Actions."""
    plies: tuple[Ply, ...]
    """What each of them did."""
    opening: int
    """How many of the first moves were drawn at random."""
    outcome: str
    """One sentence."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GameReplay(Replay):
    """Games of two entrants."""

    shape: tuple[int, int] | None
    """Rows and columns of the board; None where the game shows none: then its moves are listed."""
    matches: tuple[GameMatch, ...]
    """The chosen one first."""
    kind: ClassVar[str] = "game"


@dataclasses.dataclass(frozen=True, kw_only=True)
class DuelReplay(Replay):
    """One episode of each of two players, from the same start."""

    panes: tuple[Pane, Pane]
    kind: ClassVar[str] = "duel"


def record_episode(
    policy: Policy, env_config: EnvConfig, *, player: str, num_episodes: int, seed: int, episode: int, num_steps: int
) -> Pane:
    """Plays one episode of `evaluate(policy, env_config, num_episodes=num_episodes, seed=seed)` again, with frames.

    Args:
        policy: acts as it did then.
        env_config: the environment.
        player: name to show.
        num_episodes: of the evaluation: the starts of a vectorised environment depend on it.
        seed: of the evaluation.
        episode: which of its episodes, counted from 0.
        num_steps: its length then; it decides how many steps lie between two frames.

    Raises:
        CannotRender: if the environment draws no frames.
    """
    batches = list(episode_batches(num_episodes, seed))
    batch, index = divmod(episode, batches[0][0])
    num_envs, batch_seed = batches[batch]
    try:
        return _film(player, _steps(policy, env_config, num_envs, index, batch_seed), num_steps)
    except CannotRender:
        raise
    except Exception as error:  # another package's code: a picture that cannot be drawn must not cost the page
        raise CannotRender(f"it failed while it was drawn ({' '.join(str(error).split())})") from error


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
    renderer = _renderer(env_config)
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


def _renderer(env_config: EnvConfig) -> gym.Env[Any, Any]:
    for name, value in _ENVIRON.items():
        os.environ.setdefault(name, value)
    plain = make_env(env_config)
    modes = plain.metadata.get("render_modes", ())
    plain.close()
    if "rgb_array" not in modes:
        raise CannotRender("it has no render mode 'rgb_array'")
    return make_env(env_config, render_mode="rgb_array")


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
    if not isinstance(frame, np.ndarray) or frame.ndim != 3:
        raise CannotRender("it gives no picture in the mode 'rgb_array'")
    image = Image.fromarray(frame.astype(np.uint8, copy=False))
    width = min(FRAME_WIDTH, image.width)
    return image.resize((width, max(1, round(image.height * width / image.width))), Image.Resampling.BILINEAR)
