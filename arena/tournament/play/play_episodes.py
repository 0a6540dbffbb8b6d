"""Duels: players meet on a Gymnasium environment by playing the same starts; the higher return wins, equal returns share the point.

Each player's episodes are played once and compared with everyone's, whoever the opponent is: n policies cost n evaluations. The starts
come from a stream of their own that no training, selection or final evaluation draws from.
"""

import dataclasses
from pathlib import Path

import numpy as np

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.policies.evaluation import evaluate
from arena.policies.policy import Policy
from arena.seeding import duel_player_rng
from arena.tournament.entry.env_spaces import env_spaces
from arena.tournament.faults import ILLEGAL, GuardedPolicy, PolicyFailed, faults_of, one_line
from arena.tournament.match_records import Episodes
from arena.tournament.play.load_policy import load_policy
from arena.tournament.schedule.tasks import EpisodesTask


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
    policy = GuardedPolicy(player, *spaces, action_seconds=task.action_seconds)
    try:
        with faults_of(task.env.name):
            evaluation = evaluate(policy, task.env, num_episodes=task.num_episodes, seed=task.seed)
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


def duel_policy(path: Path | None, env: EnvConfig, player: str, seed: int, *, trusted: bool = False) -> Policy:
    """Returns the policy that plays a player's episodes; its random draws, if any, follow from the player's name and the starts' seed."""
    return load_policy(path, env_spaces(env), duel_player_rng(seed, player), trusted=trusted)
