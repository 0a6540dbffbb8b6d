"""`arena watch`: policies play in a window, or as a video."""

import contextlib
import dataclasses
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
from PIL import Image

from arena.cli.policy_arguments import given_policies, split_env
from arena.environments.config import EnvConfig
from arena.environments.games import is_game
from arena.environments.rendering import CannotRender, make_renderer
from arena.errors import ArenaError, EnvironmentRaised
from arena.policies.bounded.bounded_policy import BoundedPolicy, PolicyBroke
from arena.terminal.output import Mode, Output
from arena.tournament.faults import GuardedPolicy, PolicyFailed
from arena.watching.episode import Moment, watch_episode
from arena.watching.panes import Watched, frames
from arena.watching.video import check_video, write_video
from arena.watching.window import has_display, show_window

DEFAULT_FPS = 30.0
"""Pictures in a second where the environment does not say."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class WatchOptions:
    """How policies are watched."""

    video: Path | None = None
    """File to write; None opens a window."""
    grid: bool = False
    """Whether several policies play side by side, and not one after the other."""
    seed: int = 0
    """Seed of the first initial state, which all policies have."""
    episodes: int = 1
    """Number of initial states."""
    max_steps: int = 1_000
    """Env steps after which an episode is cut."""
    fps: float | None = None
    """Pictures in a second; None takes the environment's."""


def watch_arguments(arguments: Sequence[str], options: WatchOptions, *, allow: Collection[str] = (), mode: Mode) -> None:
    """Shows what the command line names: policy files or folders of runs, and perhaps an environment; raises as `watch`."""
    policies, env = split_env(arguments, allow)
    watch([(each.name, each.path) for each in given_policies(policies)], env, options, mode=mode)


def watch(policies: Sequence[tuple[str, Path]], env: EnvConfig, options: WatchOptions, *, mode: Mode) -> None:
    """Shows policies play, or writes a video of it.

    Args:
        policies: name and policy file of each.
        env: environment to play.
        options: how they are watched.
        mode: what is printed.

    Raises:
        ArenaError: if there is neither a display nor a file to write, a policy does not fit, or the environment draws no pictures.
    """
    out = Output(mode)
    if is_game(env.id):
        raise ArenaError(f"{env.name} is a game of two: arena tournament plays it, and its page shows the games")
    if options.video is not None:
        check_video(options.video)
    elif not has_display():
        raise ArenaError("there is no display here to open a window on; write a video with --video FILE.webp")
    with contextlib.ExitStack() as stack:
        loaded = [(name, stack.enter_context(BoundedPolicy(path))) for name, path in policies]
        try:
            renderers = [make_renderer(env, opens_window=options.video is None) for _ in (loaded if options.grid else loaded[:1])]
        except CannotRender as reason:
            raise ArenaError(f"{env.id} cannot be watched: {reason}") from reason
        for renderer in renderers:
            stack.callback(renderer.close)
        for name, policy in loaded:
            policy.signature.check(renderers[0].observation_space, renderers[0].action_space, where=f"policy {name}")
        fps = options.fps or float(renderers[0].metadata.get("render_fps") or DEFAULT_FPS)
        watcher = _Watcher(out, loaded, renderers, options)
        try:
            if options.video is None:
                show_window(watcher.pictures(), fps, f"{env.name} - arena")
                return
            count = write_video(options.video, watcher.pictures(), fps)
        except CannotRender as reason:
            raise ArenaError(f"{env.id} cannot be watched: {reason}") from reason
    out.record({"path": str(options.video), "frames": count, "bytes": options.video.stat().st_size})
    out.say(f"{options.video}: {count} pictures, {options.video.stat().st_size:,} bytes")


class _Player:
    """A policy whose faults are told from those of the environment."""

    def __init__(self, policy: BoundedPolicy, env: gym.Env[Any, Any]) -> None:
        self.guard = GuardedPolicy(policy, env.observation_space, env.action_space)
        """Policy that acts; it says what the other chose against the rules."""
        self.act, self.scores = self.guard.act, policy.scores


class _Watcher:
    """The pictures of a command, and the line about each episode that ends."""

    def __init__(
        self, out: Output, policies: Sequence[tuple[str, BoundedPolicy]], renderers: Sequence[gym.Env[Any, Any]], options: WatchOptions
    ) -> None:
        self._out, self._policies, self._renderers, self._options = out, policies, renderers, options

    def pictures(self) -> Iterator[Image.Image]:
        for seed in range(self._options.seed, self._options.seed + self._options.episodes):
            if self._options.grid:
                rows = zip(self._policies, self._renderers, strict=True)
                yield from frames([self._watched(name, policy, env, seed) for (name, policy), env in rows])
            else:
                for name, policy in self._policies:
                    yield from frames([self._watched(name, policy, self._renderers[0], seed)])

    def _watched(self, name: str, policy: BoundedPolicy, env: gym.Env[Any, Any], seed: int) -> Watched:
        return Watched(name, self._told(name, policy, env, seed))

    def _told(self, name: str, policy: BoundedPolicy, env: gym.Env[Any, Any], seed: int) -> Iterator[Moment]:
        player = _Player(policy, env)
        try:
            for moment in watch_episode(player, env, seed=seed, max_steps=self._options.max_steps):
                yield moment
        except (PolicyFailed, PolicyBroke) as error:
            raise ArenaError(f"policy {policy.path} cannot be watched: {error}") from error
        except EnvironmentRaised as error:
            raise player.guard.blame(error, policy.path) from error
        episode = {"policy": name, "seed": seed, "episode_return": moment.episode_return, "episode_length": moment.env_step}
        self._out.record({**episode, "ending": moment.ending})
        self._out.say(f"{name}, seed {seed}: return {moment.episode_return:g} in {moment.env_step} env steps, {moment.ending}")
