"""Duels: players meet on a Gymnasium environment by playing the same starts; the higher return wins, equal returns share the point.

Each player's episodes are played once and compared with everyone's, whoever the opponent is: n policies cost n evaluations. The starts
come from a stream of their own that no training, selection or final evaluation draws from. Where one of Gymnasium's small environments is
stepped, a policy with bounds plays whole episodes in its process; if anything goes wrong there, it is asked step by step.
"""

import dataclasses
import functools
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from arena.environments.config import EnvConfig
from arena.environments.impossible import impossible_return
from arena.environments.references import catalogue
from arena.environments.vectorize import are_single_envs, make_vec_env
from arena.errors import ArenaError
from arena.formats.readable import one_line
from arena.policies.bounded.whole_episodes import PACKAGES, WholeEpisodes, own_registration
from arena.policies.evaluation import evaluate
from arena.policies.policy import Policy
from arena.seeding import duel_player_rng
from arena.tournament.entry.env_spaces import env_spaces
from arena.tournament.entry.player import PlaysWith
from arena.tournament.faults import ILLEGAL, GuardedPolicy, PolicyFailed, faults_of
from arena.tournament.match_records import Episodes
from arena.tournament.play.load_policy import PlayingPolicy, load_policy
from arena.tournament.schedule.tasks import EpisodesTask

Array = npt.NDArray[Any]


def play_episodes(task: EpisodesTask, *, trusted: bool = False) -> list[Episodes]:
    """Plays the episodes; a failed run, and a policy that fails or takes too long, has none, and the reason is kept.

    Args:
        task: The task.
        trusted: Whether the policy file is the caller's own, and plays in this process without bounds.

    Raises:
        ArenaError: If the environment fails, or gives rewards that are not finite.
    """
    record = Episodes(match=task.match, env=task.env.name, player=task.player, seed=task.seed, returns=(), lengths=())
    if task.failed:
        return [dataclasses.replace(record, reason=task.failed)]
    with faults_of(task.env.name):
        spaces = env_spaces(task.env)
    player = duel_policy(task.policy, task.env, task.player, task.seed, trusted=trusted)
    if (whole := _play_whole(player, task)) is not None:
        return [dataclasses.replace(record, returns=tuple(whole[0].tolist()), lengths=tuple(whole[1].tolist()))]
    policy = GuardedPolicy(player, *spaces, action_seconds=task.action_seconds)
    try:
        with faults_of(task.env.name):
            evaluation = evaluate(
                policy, task.env, num_episodes=task.num_episodes, seed=task.seed, max_episode_steps=task.max_episode_steps
            )
            if not np.isfinite(evaluation.episode_returns).all():
                raise ValueError("it gave rewards that are not finite")
    except PolicyFailed as error:
        return [dataclasses.replace(record, reason=str(error))]
    except ArenaError as error:
        if policy.was_illegal:
            return [dataclasses.replace(record, reason=f"{ILLEGAL}{one_line(error)}")]
        raise
    returns, lengths = tuple(evaluation.episode_returns.tolist()), tuple(evaluation.episode_lengths.tolist())
    return [dataclasses.replace(record, returns=returns, lengths=lengths)]


def _play_whole(player: Policy, task: EpisodesTask) -> tuple[Array, Array] | None:
    """Returns returns and lengths of episodes that a policy's process plays by itself; None where `act` is to be asked."""
    spec = own_registration(task.env.id)
    if (
        spec is None
        or task.max_episode_steps is not None
        or not task.env.is_plain
        or not isinstance(player, PlayingPolicy)
        or not _is_stepped_as_there(task.env.id)
    ):
        return None
    asked = WholeEpisodes(env_id=task.env.id, spec=spec, num_episodes=task.num_episodes, seed=task.seed, action_seconds=task.action_seconds)
    played = player.play(asked)
    reference = catalogue().reference_for(task.env)
    return None if played is None or impossible_return(reference, played[0].tolist()) else played


@functools.cache
def _is_stepped_as_there(env_id: str) -> bool:
    """Returns whether `evaluate` would step what a policy's process steps, or the like of it, and not another plug-in's environments.

    Args:
        env_id: Gymnasium id that has an `own_registration`.
    """
    envs = make_vec_env(EnvConfig(env_id), 2, autoreset_mode=AutoresetMode.NEXT_STEP)
    envs.close()
    return type(envs).__module__.startswith(PACKAGES) or are_single_envs(envs)


def duel_policy(source: PlaysWith, env: EnvConfig, player: str, seed: int, *, trusted: bool = False) -> Policy:
    """Returns the policy that plays a player's episodes; its random draws, if any, follow from the player's name and the starts' seed."""
    return load_policy(source, env_spaces(env), duel_player_rng(seed, player), trusted=trusted)
