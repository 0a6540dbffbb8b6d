"""Plays policies against an opponent of `arena_envs.games`: `python scripts/play_seat.py ENV OPPONENT NUM_GAMES POLICY...`.

POLICY is a file, or `random` for the uniformly random player. Seats and starts follow from seed 1.
"""

import sys
from pathlib import Path

import numpy as np

from arena.environments.make import EnvConfig
from arena.policies.evaluation import evaluate
from arena.tournament.players import RANDOM, env_spaces, make_policy


def main(env_id: str, opponent: str, num_games: int, players: list[str]) -> None:
    env = EnvConfig(env_id, {"opponent": opponent})
    for player in players:
        policy = make_policy(None if player == RANDOM else Path(player), env_spaces(env), np.random.default_rng(1))
        returns = evaluate(policy, env, num_episodes=num_games, seed=1).episode_returns
        won, drawn, lost = ((returns > 0).sum(), (returns == 0).sum(), (returns < 0).sum())
        print(f"{player}: {won} won, {drawn} drawn, {lost} lost of {num_games} against {opponent}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:])
