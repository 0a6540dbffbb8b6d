"""Duels: players meet on a Gymnasium environment by playing the same starts; the higher return wins, equal returns share the point.

Each player's episodes are played once and compared with everyone's, whoever the opponent is: n policies cost n evaluations. The starts
come from a stream of their own that no training, selection or final evaluation draws from.
"""

import dataclasses
import zlib
from pathlib import Path

import numpy as np

from arena.environments import EnvConfig
from arena.evaluation import evaluate
from arena.tournament.matches import Episodes
from arena.tournament.players import env_spaces, make_policy

SEED_STREAM = 3
"""First word of the spawn key: experiments draw evaluation seeds under 0 and training seeds under 1."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EpisodesTask:
    """Episodes that one player is to play."""

    match: str
    env: EnvConfig
    player: str
    policy: Path | None
    """None: the random player."""
    seed: int
    num_episodes: int

    @property
    def matches(self) -> tuple[str, ...]:
        """The ids of the records that come of it."""
        return (self.match,)


def start_seed(tournament_seed: int, env_name: str) -> int:
    """Returns the seed of an environment's starts, the same for all players."""
    key = (SEED_STREAM, zlib.crc32(env_name.encode()))
    return int(np.random.SeedSequence(tournament_seed, spawn_key=key).generate_state(1)[0])


def play_episodes(task: EpisodesTask) -> list[Episodes]:
    """Plays the episodes; a policy that fails in play has none, and the reason is kept."""
    rng = np.random.default_rng([task.seed, zlib.crc32(task.player.encode())])
    policy = make_policy(task.policy, env_spaces(task.env), rng)
    record = Episodes(match=task.match, env=task.env.name, player=task.player, seed=task.seed, returns=(), lengths=())
    try:
        evaluation = evaluate(policy, task.env, num_episodes=task.num_episodes, seed=task.seed)
    except Exception as error:  # onnxruntime's errors share no base class, and environments raise what they like on a wild action
        return [dataclasses.replace(record, reason=f"failed: {' '.join(str(error).split())[:200]}")]
    returns, lengths = tuple(evaluation.episode_returns.tolist()), tuple(evaluation.episode_lengths.tolist())
    return [dataclasses.replace(record, returns=returns, lengths=lengths)]
