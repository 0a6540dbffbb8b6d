"""Videos of a report: for each agent and environment, the best and the median episode of a final evaluation, played again."""

import dataclasses
import itertools
from collections.abc import Collection, Iterable, Sequence

from arena.environments.games import is_game
from arena.environments.rendering import CannotRender
from arena.environments.word import names_without_word, needs_word, with_word
from arena.errors import ArenaError
from arena.policies.bounded.bounded_policy import BoundedPolicy
from arena.report.load import LoadedRun
from arena.run_folder.folder import RunDir
from arena.seeding import evaluation_seeds
from arena.watching.film import chosen_episodes, film_episode

MAX_VIDEO_BYTES = 8_000_000
"""Max size of all videos in one page; once they take more, the others are left out."""


@dataclasses.dataclass(frozen=True)
class EpisodeVideo:
    """One episode."""

    agent: str
    """Agent's name in the experiment."""
    env: str
    """Environment's name."""
    seed: int
    """Training seed of the run."""
    which: str
    """`best` or `median`."""
    episode_return: float
    """Return of the episode, as it was evaluated."""
    episode_length: int
    """Env steps of the episode."""
    replayed_return: float
    """Return of the episode as it was played again."""
    image: str
    """Animated WebP in a data URI."""
    width: int
    """Width of the picture in pixels."""
    height: int
    """Height of the picture in pixels."""


def episode_videos(runs: Iterable[LoadedRun], allow: Collection[str] = ()) -> tuple[list[EpisodeVideo], list[str]]:
    """Returns the videos, and sentences about what has none. Policies play in processes of their own, with bounds.

    Args:
        runs: Runs of a report, sorted by agent and environment; of each pair the finished run with the median score is shown.
        allow: Import paths and files that the runs' environments may name.
    """
    videos: list[EpisodeVideo] = []
    notes: list[str] = []
    num_bytes = 0
    for (agent, env), group in itertools.groupby(runs, key=lambda run: (run.agent, run.env)):
        run = _median_run([run for run in group if run.state == "finished" and run.final is not None])
        if run is None:
            continue
        if num_bytes > MAX_VIDEO_BYTES:
            notes.append(f"{agent} on {env} has no video: those before it fill the page.")
            continue
        try:
            made = _videos_of(run, allow)
        except (ArenaError, CannotRender) as reason:
            notes.append(f"{agent} on {env} has no video: {reason}.")
        except Exception as error:  # another package's code draws: it must not cost the report
            notes.append(f"{agent} on {env} has no video: it failed while it was drawn ({type(error).__name__}: {error}).")
        else:
            videos += made
            num_bytes += sum(len(video.image) for video in made)
    return videos, notes


def _median_run(runs: Sequence[LoadedRun]) -> LoadedRun | None:
    ordered = sorted(runs, key=lambda run: (-run.final.episode_return_mean if run.final else 0.0, run.seed))
    return ordered[len(ordered) // 2] if ordered else None


def _videos_of(run: LoadedRun, allow: Collection[str]) -> list[EpisodeVideo]:
    final, env, protocol = run.final, with_word(run.run.env, allow), run.run.evaluation
    assert final is not None
    if is_game(env.id):
        raise ArenaError("it is a game of two")
    if names := names_without_word(env):
        raise ArenaError(needs_word(names, run.path))
    videos = []
    with BoundedPolicy(RunDir(run.path).policy) as policy:
        for which, episode in chosen_episodes(final.episode_returns).items():
            film = film_episode(
                policy,
                env,
                num_episodes=len(final.episode_returns),
                seed=evaluation_seeds(run.run.experiment_seed).final,
                episode=episode,
                num_steps=final.episode_lengths[episode],
                num_envs=protocol.num_envs,
                one_by_one=bool(protocol.info_metrics),
            )
            width, height = film.images[0].size
            videos.append(
                EpisodeVideo(
                    agent=run.agent,
                    env=run.env,
                    seed=run.seed,
                    which=which,
                    episode_return=final.episode_returns[episode],
                    episode_length=final.episode_lengths[episode],
                    replayed_return=film.returns[-1],
                    image=film.animation(),
                    width=width,
                    height=height,
                )
            )
    return videos
